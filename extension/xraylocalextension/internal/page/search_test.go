package page

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/logs"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
)

func searchPath(expression, more string) string {
	return "/?q=" + url.QueryEscape(expression) + more
}

func TestSearch(t *testing.T) {
	s := shop(t)
	for _, c := range []struct {
		expression, more string
		want             []string
	}{
		{`ok`, "", []string{"d", "c", "a"}},
		{`service("payment") { fault }`, "", []string{"b"}},
		{`edge("orders", ) AND annotation.tenant`, "", []string{"b"}},
		{`http.status >= 400`, "&state=error", []string{"e", "b"}},
		{`http.status >= 400`, "&service=orders", []string{"b"}},
		{`http.status >= 400`, "&state=throttle&n=1", []string{"b"}},
		{`http.status = 200`, "&n=2", []string{"d", "c"}},
		{` `, "", []string{"e", "d", "c", "b", "a"}},
		{`user = "nobody"`, "", nil},
	} {
		code, body := get(t, s, searchPath(c.expression, c.more))
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, c.want, all(item, body), "%s%s", c.expression, c.more)
		require.NotContains(t, body, `role="alert"`)
		require.Equal(t, len(c.want) == 0, strings.Contains(body, "No trace matches."))
		require.Len(t, all(svgName, body), 12, "the graph is of all traces")
	}
}

// Examples are on offer until there is something to see, and they work.
func TestSearchExamples(t *testing.T) {
	s := shop(t)
	offered := func(path string) (list []string) {
		_, body := get(t, s, path)
		for _, a := range elements(t, body, "a") {
			if a["class"] == "example" {
				list = append(list, a["href"])
			}
		}
		return list
	}
	links := offered("/?range=all&state=fault")
	require.Len(t, links, 3)
	require.Len(t, offered(searchPath(`user = "nobody"`, "")), 3)
	require.Len(t, offered(searchPath(`user ==`, "")), 3)
	require.Empty(t, offered(searchPath(`ok`, "")))
	for i, link := range links {
		u, err := url.Parse(link)
		require.NoError(t, err)
		require.Equal(t, "fault", u.Query().Get("state"))
		require.Equal(t, "all", u.Query().Get("range"))
		_, body := get(t, s, link)
		require.NotContains(t, body, `role="alert"`)
		require.Contains(t, html.UnescapeString(body), `value="`+examples[i]+`"`)
	}
}

func TestSearchMistake(t *testing.T) {
	const expression = `service("é") AND <faults>`
	code, body := get(t, shop(t), searchPath(expression, "&range=6h&service=a+b"))
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "Column 18: ")
	require.Contains(t, html.UnescapeString(body), `<pre class="mistake">service("é") AND <mark><faults></mark></pre>`)
	require.Empty(t, all(item, body))
	require.NotContains(t, body, "No trace matches.")
	require.Len(t, all(svgName, body), 12)

	// At the end there is nothing to mark but the place.
	_, body = get(t, shop(t), searchPath("ok AND", ""))
	require.Contains(t, body, "Column 7: expected a keyword, found the end")
	require.Contains(t, body, "ok AND<mark></mark>")
}

// Every link of the page but the one that clears the box keeps what is in it,
// and the box keeps the rest.
func TestSearchIsKept(t *testing.T) {
	for _, expression := range []string{`ok`, `not right`} {
		_, body := get(t, shop(t), searchPath(expression, "&range=6h&state=ok&slow=2&n=1&service=orders&type="))
		kept := 0
		for _, a := range elements(t, body, "a") {
			if !strings.HasPrefix(a["href"], "/?") || a["class"] == "example" {
				continue
			}
			u, err := url.Parse(a["href"])
			require.NoError(t, err)
			if a["title"] == "no expression" {
				require.False(t, u.Query().Has("q"))
				require.Equal(t, "6h", u.Query().Get("range"))
				continue
			}
			require.Equal(t, expression, u.Query().Get("q"), a["href"])
			kept++
		}
		require.Greater(t, kept, 20)
		hidden := map[string]string{}
		for _, e := range elements(t, body, "input") {
			if e["type"] == "hidden" {
				hidden[e["name"]] = e["value"]
			}
		}
		require.Equal(t, map[string]string{"range": "6h", "state": "ok", "slow": "2", "service": "orders", "type": ""}, hidden)
	}
}

// A search that takes too long stops and says so.
func TestSearchStops(t *testing.T) {
	at := now
	h := New(shop(t), &logs.Store{}, &metric.Store{}, func() time.Time { at = at.Add(maxSearchTime * 2 / 5); return at })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, searchPath("partial OR !partial", ""), nil))
	require.Equal(t, []string{"e", "d", "c"}, all(item, w.Body.String()))
	require.Contains(t, w.Body.String(), "was stopped")
}
