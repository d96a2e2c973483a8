package page

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/graph"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/logs"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/store"
	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

var now = time.Unix(1760797200, 0)

func add(t testing.TB, s *store.Store, at time.Time, doc string) {
	t.Helper()
	seg, err := segment.Decode(doc)
	require.NoError(t, err)
	require.NoError(t, s.Add(at, seg, doc))
}

func shop(t testing.TB) *store.Store {
	t.Helper()
	s := &store.Store{MaxBytes: 16 << 20}
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "shop.json"))
	require.NoError(t, err)
	var docs []json.RawMessage
	require.NoError(t, json.Unmarshal(text, &docs))
	for i, doc := range docs {
		add(t, s, now.Add(time.Duration(i-100)*time.Second), string(doc))
	}
	return s
}

// get returns the status and the body of a page, which must be well-formed:
// every element that is opened is closed.
func get(t testing.TB, s *store.Store, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	New(s, &logs.Store{}, &metric.Store{}, func() time.Time { return now }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	body := w.Body.String()
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'")
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		wellFormed(t, body)
	}
	return w.Code, body
}

func wellFormed(t testing.TB, body string) {
	t.Helper()
	var open []string
	z := html.NewTokenizer(strings.NewReader(body))
	for {
		switch z.Next() {
		case html.ErrorToken:
			require.Empty(t, open)
			return
		case html.StartTagToken:
			name, _ := z.TagName()
			switch n := string(name); n {
			case "meta", "link", "img", "input":
			default:
				open = append(open, n)
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			require.NotEmpty(t, open)
			require.Equal(t, open[len(open)-1], string(name))
			open = open[:len(open)-1]
		}
	}
}

// elements returns the nodes that match, with their attributes by name.
func elements(t testing.TB, body, tag string) []map[string]string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	require.NoError(t, err)
	var found []map[string]string
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == tag {
			attrs := map[string]string{}
			for _, a := range n.Attr {
				attrs[a.Key] = a.Val
			}
			found = append(found, attrs)
		}
	}
	return found
}

var (
	svgName = regexp.MustCompile(`class="name" y="53">([^<]*)<`)
	item    = regexp.MustCompile(`class="item" href="/traces/1-68f3a1c0-0{23}(.)"`)
	rowName = regexp.MustCompile(`<span class="name" title="([^"]*)">`)
)

func all(re *regexp.Regexp, body string) (list []string) {
	for _, m := range re.FindAllStringSubmatch(body, -1) {
		list = append(list, m[1])
	}
	return list
}

func TestOverview(t *testing.T) {
	code, body := get(t, shop(t), "/")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, []string{"Client", "frontend", "catalog", "gateway.example.net", "labels", "orders", "orders", "payment",
		"products@db.internal", "search.internal", "shipments", "shipping"}, all(svgName, body))
	require.Equal(t, []string{"e", "d", "c", "b", "a"}, all(item, body))
	require.Contains(t, body, "5 traces kept")
	edges := 0
	for _, p := range elements(t, body, "path") {
		if strings.HasPrefix(p["class"], "line ") {
			edges++
		}
	}
	require.Equal(t, 11, edges)
	require.Contains(t, body, "5 requests, 3 ok, 1 error, 1 fault")
}

func TestFilters(t *testing.T) {
	s := shop(t)
	for query, want := range map[string][]string{
		"":                           {"e", "d", "c", "b", "a"},
		"state=fault":                {"b"},
		"state=error":                {"e", "b"},
		"state=throttle":             {"b"},
		"state=ok":                   {"d", "c", "a"},
		"state=slow":                 nil,
		"state=slow&slow=0.3":        {"d", "c", "b"},
		"state=nonsense&range=x&n=x": {"e", "d", "c", "b", "a"},
		"service=shipping":           {"c"},
		"service=orders":             {"c", "b"},
		"service=catalog&type=other": nil,
		"service=labels&type=AWS::S3::Bucket&range=all": {"c"},
		"n=2":      {"e", "d"},
		"n=-4":     {"e"},
		"range=5m": {"e", "d", "c", "b", "a"},
	} {
		_, body := get(t, s, "/?"+query)
		require.Equal(t, want, all(item, body), query)
	}
}

func TestQueryAddress(t *testing.T) {
	for _, address := range []string{
		"/", "/?range=5m", "/?range=all&state=slow", "/?slow=0.25&state=slow", "/?service=a+%26+b",
		"/?service=orders&type=AWS%3A%3ADynamoDB%3A%3ATable", "/?q=service%28%29+%7B+fault+%7D&range=5m", "/?service=shipping&type=", "/?n=250",
	} {
		r := httptest.NewRequest(http.MethodGet, address, nil)
		require.Equal(t, address, parseQuery(r.URL.Query()).address())
	}
}

func TestMore(t *testing.T) {
	s := &store.Store{MaxBytes: 16 << 20}
	for i := range 60 {
		add(t, s, now, fmt.Sprintf(`{"name":"a","id":"%016x","trace_id":"1-68f3a1c0-%024x","start_time":1,"end_time":2}`, i+1, i+1))
	}
	_, body := get(t, s, "/")
	require.Len(t, all(regexp.MustCompile(`class="(item)"`), body), 50)
	require.Contains(t, body, `href="/?n=250#traces">Show more`)
	_, body = get(t, s, "/?n=250")
	require.Len(t, all(regexp.MustCompile(`class="(item)"`), body), 60)
	require.NotContains(t, body, "Show more")
}

func TestEmpty(t *testing.T) {
	code, body := get(t, &store.Store{MaxBytes: 16 << 20}, "/")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "Nothing has come in yet")
	require.Contains(t, body, "AWS_XRAY_DAEMON_ADDRESS")
	require.Contains(t, body, "AWS_ENDPOINT_URL_XRAY=http://example.com")

	s := &store.Store{MaxBytes: 16 << 20}
	add(t, s, now.Add(-2*time.Hour), `{"name":"a","id":"0000000000000001","trace_id":"1-68f3a1c0-000000000000000000000001","start_time":1,"end_time":2}`)
	_, body = get(t, s, "/")
	require.Contains(t, body, "No trace came in this time range")
}

func TestTrace(t *testing.T) {
	s := shop(t)
	for id, want := range map[string][]string{
		"a": {"frontend", "catalog.internal", "catalog", "products@db.internal"},
		"b": {"frontend", "orders.internal", "orders", "validate", "DynamoDB", "pay.internal", "payment", "handler", "gateway.example.net", "SQS"},
		"c": {"frontend", "orders.internal", "orders", "DynamoDB", "SQS", "shipping", "S3"},
		"d": {"frontend", "search.internal", "suggest"},
		"e": {"frontend"},
	} {
		code, body := get(t, s, "/traces/1-68f3a1c0-00000000000000000000000"+id)
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, want, all(rowName, body), id)
		require.Len(t, elements(t, body, "details"), len(want))
	}
	_, body := get(t, s, "/traces/1-68f3a1c0-00000000000000000000000b")
	for _, want := range []string{
		"POST https://shop.example.com/orders", "3 segments, 7 subsegments, 3 documents", "the gateway answered 503", "GatewayError",
		"PutItem orders", "SendMessage shipments", "tenant", "blue",
	} {
		require.Contains(t, body, want)
	}
	_, body = get(t, s, "/traces/1-68f3a1c0-00000000000000000000000d")
	require.Contains(t, body, "parent missing")
	require.Contains(t, body, "partial")
}

func TestNotFound(t *testing.T) {
	s := shop(t)
	for path, want := range map[string]string{
		"/traces/1-68f3a1c0-0000000000000000000000ff": "is not in the store",
		"/traces/x":          "nothing at this address",
		"/nothing":           "nothing at this address",
		"/assets/none.css":   "not found",
		"/assets/../page.go": "",
	} {
		code, body := get(t, s, path)
		require.NotEqual(t, http.StatusOK, code, path)
		require.Contains(t, body, want, path)
	}
	for _, asset := range []string{"style.css", "page.js", "icon.svg"} {
		code, body := get(t, s, "/assets/"+asset)
		require.Equal(t, http.StatusOK, code)
		require.NotEmpty(t, body)
	}
}

// Text from a trace stays text, wherever a page shows it.
func TestHostileText(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'` + "`" + `javascript:alert(1)`
	text, err := json.Marshal(evil)
	require.NoError(t, err)
	doc := strings.ReplaceAll(`{"name":EVIL,"id":"0000000000000001","trace_id":"1-68f3a1c0-000000000000000000000001","start_time":1,"end_time":2,
		"origin":EVIL,"user":EVIL,"resource_arn":EVIL,"fault":true,"foo":EVIL,
		"http":{"request":{"method":EVIL,"url":EVIL,"user_agent":EVIL,"client_ip":EVIL},"response":{"status":500,EVIL:EVIL}},
		"aws":{"operation":EVIL,"region":EVIL,"account_id":EVIL,"xray":{"sdk":EVIL},EVIL:EVIL},
		"service":{"version":EVIL},"annotations":{EVIL:EVIL},"metadata":{EVIL:{EVIL:EVIL}},
		"links":[{"trace_id":"1-68f3a1c0-000000000000000000000002","id":"0000000000000009","attributes":{EVIL:EVIL}}],
		"cause":{"working_directory":EVIL,"exceptions":[{"id":"0000000000000005","type":EVIL,"message":EVIL,"stack":[{"path":EVIL,"line":1,"label":EVIL}]}]},
		"subsegments":[
		 {"name":EVIL,"id":"0000000000000002","start_time":1,"end_time":2,"namespace":"remote","sql":{"sanitized_query":EVIL,"url":EVIL,"database_type":EVIL}},
		 {"name":EVIL,"id":"0000000000000003","start_time":1,"end_time":2,"namespace":"aws","aws":{"operation":EVIL,"table_name":EVIL}}]}`, "EVIL", string(text))
	s := &store.Store{MaxBytes: 16 << 20}
	add(t, s, now, doc)
	for _, path := range []string{"/", "/traces/1-68f3a1c0-000000000000000000000001", "/?service=" + "%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/?q=ok+%22%3E%3Cscript%3Ealert(1)%3C/script%3E"} {
		code, body := get(t, s, path)
		require.Equal(t, http.StatusOK, code)
		scripts := elements(t, body, "script")
		require.Len(t, scripts, 1)
		require.Equal(t, "/assets/page.js", scripts[0]["src"])
		for _, img := range elements(t, body, "img") {
			require.Equal(t, "/assets/icon.svg", img["src"])
		}
		for _, tag := range []string{"a", "g", "circle", "path", "details", "span", "img", "text", "title", "marker"} {
			for _, e := range elements(t, body, tag) {
				for name, value := range e {
					require.False(t, strings.HasPrefix(name, "on"), "%s %s", tag, name)
					require.NotEqual(t, "style", name, "the content security policy forbids it")
					if name == "href" {
						require.Regexp(t, `^/($|\?|traces/|metrics$|logs$|#)`, value)
					}
				}
			}
		}
		require.Contains(t, html.UnescapeString(body), "<script>alert(1)</script>", "the text is shown all the same")
	}
}

// Pages stay within bounds when a trace or a graph does not.
func TestBounds(t *testing.T) {
	s := &store.Store{MaxBytes: 64 << 20}
	const trace = `"trace_id":"1-68f3a1c0-000000000000000000000001"`
	add(t, s, now, `{"name":"a","id":"0000000000000001",`+trace+`,"start_time":1,"end_time":2}`)
	for i := range 2500 {
		parent := i + 1 // deep
		if i >= 100 {
			parent = 1 // wide
		}
		add(t, s, now, fmt.Sprintf(`{"type":"subsegment","namespace":"remote","name":"s%d","id":"%016x","parent_id":"%016x",%s,"start_time":%d.5,"end_time":2}`, i, i+2, parent, trace, i%3))
	}
	code, body := get(t, s, "/traces/1-68f3a1c0-000000000000000000000001")
	require.Equal(t, http.StatusOK, code)
	require.Len(t, elements(t, body, "details"), maxRows)
	require.Contains(t, body, "501 more rows are not shown")
	require.Contains(t, body, "2352 more services with fewer requests are not drawn")
	code, body = get(t, s, "/")
	require.Equal(t, http.StatusOK, code)
	require.Len(t, all(svgName, body), maxNodes)
}

// A trace whose services call one another in a circle is shown once.
func TestCircle(t *testing.T) {
	s := &store.Store{MaxBytes: 16 << 20}
	add(t, s, now, `{"name":"a","id":"0000000000000001","parent_id":"0000000000000004","trace_id":"1-68f3a1c0-000000000000000000000001","start_time":1,"end_time":9,"subsegments":[{"name":"b.internal","id":"0000000000000002","start_time":2,"end_time":8,"namespace":"remote"}]}`)
	add(t, s, now, `{"name":"b","id":"0000000000000003","parent_id":"0000000000000002","trace_id":"1-68f3a1c0-000000000000000000000001","start_time":3,"end_time":7,"subsegments":[{"name":"a.internal","id":"0000000000000004","start_time":4,"end_time":6,"namespace":"remote"}]}`)
	_, body := get(t, s, "/traces/1-68f3a1c0-000000000000000000000001")
	require.Equal(t, []string{"a", "b.internal", "b", "a.internal"}, all(rowName, body))
}

func TestDrawGraphOfNothing(t *testing.T) {
	var b graph.Builder
	d := drawGraph(b.Graph(), time.Minute, func(*graph.Node) string { return "" })
	require.Empty(t, d.Nodes)
}

// Any document can be shown.
func TestAnyDocument(t *testing.T) {
	s := &store.Store{MaxBytes: 64 << 20}
	shown := 0
	for seed := range uint64(150) {
		doc := string(segmenttest.Generate(rand.New(rand.NewPCG(seed, 5))))
		seg, err := segment.Decode(doc)
		if err != nil || s.Add(now, seg, doc) != nil {
			continue
		}
		code, body := get(t, s, "/traces/"+seg.TraceID.String())
		require.Equal(t, http.StatusOK, code)
		for _, rect := range elements(t, body, "rect") {
			x, err := strconv.ParseFloat(rect["x"], 64)
			require.NoError(t, err)
			width, err := strconv.ParseFloat(rect["width"], 64)
			require.NoError(t, err)
			require.GreaterOrEqual(t, x, 0.0, "seed %d", seed)
			require.Positive(t, width, "seed %d", seed)
			require.LessOrEqual(t, x+width, 1000.01, "seed %d", seed)
		}
		shown++
	}
	require.Greater(t, shown, 100)
	code, _ := get(t, s, "/?range=all&n=1000")
	require.Equal(t, http.StatusOK, code)
}
