package operation

import (
	"strings"
	"testing"
)

func TestAppendPath(t *testing.T) {
	for url, want := range map[string]string{
		"":                                     "/",
		"/":                                    "/",
		"/api/items":                           "/api/items",
		"/api/items/17":                        "/api/items/{id}",
		"/api/items/17?color=red#top":          "/api/items/{id}",
		"https://shop.example.com":             "/",
		"https://shop.example.com?x=/y":        "/",
		"https://u:p@shop.example.com:8443/a/": "/a",
		"/api//v1/items":                       "/api/v1/items",
		"/v2.1/oauth2/token":                   "/v2.1/oauth2/token",
		"/u/6f2c1a90-7b1d-4e5f-8a3b-0c9d8e7f6a5b/orders": "/u/{id}/orders",
		"/files/" + strings.Repeat("x", 41):              "/files/{id}",
		"/files/" + strings.Repeat("x", 40):              "/files/" + strings.Repeat("x", 40),
		"/u/ann@example.com":                             "/u/{id}",
		"/search/red%20shoes":                            "/search/{id}",
		"/a/b;jsessionid=abc/c":                          "/a/{id}/c",
		"/1/2/3/4/5/6/7/8/9/10":                          "/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/*",
		"/proxy/https://other.example.com/a1b":           "/proxy/https:/other.example.com/{id}",
		"/items/x12":                                     "/items/{id}",
		"/items/ab3":                                     "/items/{id}",
		"relative/17":                                    "/relative/{id}",
		"https://bücher.example/straße":                  "/straße",
	} {
		if got := string(AppendPath(nil, url)); got != want {
			t.Errorf("AppendPath(%q) = %q, want %q", url, got, want)
		}
	}
}

func TestAppendName(t *testing.T) {
	for name, want := range map[string]string{
		"":                              "",
		"nightly-report":                "nightly-report",
		"GET /users/17/orders":          "GET /users/{id}/orders",
		"GET https://a.example/users/7": "GET /users/{id}",
		"job 4711":                      "job {id}",
		"sync 6f2c1a90-7b1d-4e5f-8a3b-0c9d8e7f6a5b now": "sync {id} now",
		"load deadbeef01":  "load {id}",
		"decade of facade": "decade of facade",
		"resize_640":       "resize_640",
		"two  spaces":      "two  spaces",
	} {
		if got := string(AppendName(nil, name)); got != want {
			t.Errorf("AppendName(%q) = %q, want %q", name, got, want)
		}
	}
}

// Whatever comes in, the name of a path has few parts, no part with an id in
// it, and is its own name.
func FuzzAppendPath(f *testing.F) {
	f.Add("https://shop.example.com/api/v1/items/17?x=1")
	f.Add("//a//%2f/")
	f.Fuzz(func(t *testing.T, url string) {
		got := string(AppendPath(nil, url))
		if !strings.HasPrefix(got, "/") || strings.Count(got, "/") > maxParts+1 || len(got) > (maxParts+1)*(maxWord+1) {
			t.Fatalf("%q became %q", url, got)
		}
		if strings.ContainsAny(got, "?#") {
			t.Fatalf("%q became %q", url, got)
		}
		AppendName(nil, url)
	})
}

func BenchmarkAppendPath(b *testing.B) {
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = AppendPath(buf[:0], "https://items.example.com/api/items/12345")
	}
}
