// Package page shows the stores to people: the service graph and the newest
// traces, each trace as a timeline, metrics as charts, and log events. Pages are made on the server and work
// without scripts; a small one adds refreshing.
package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"time"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/logs"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/store"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// Handler serves the pages. Create one with New.
type Handler struct {
	store     *store.Store
	logs      *logs.Store
	metrics   *metric.Store
	now       func() time.Time
	mux       *http.ServeMux
	templates *template.Template
}

// New returns a handler over the stores. It reads the time from now.
func New(st *store.Store, l *logs.Store, m *metric.Store, now func() time.Time) *Handler {
	h := &Handler{
		store:     st,
		logs:      l,
		metrics:   m,
		now:       now,
		mux:       http.NewServeMux(),
		templates: template.Must(template.New("").Funcs(template.FuncMap{"head": newHead}).ParseFS(templateFiles, "templates/*.html")),
	}
	assets, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	h.mux.HandleFunc("GET /{$}", h.overview)
	h.mux.HandleFunc("GET /traces/{id}", h.trace)
	h.mux.HandleFunc("GET /metrics", h.metricList)
	h.mux.HandleFunc("GET /metrics/one", h.metricOne)
	h.mux.HandleFunc("GET /logs", h.logGroups)
	h.mux.Handle("GET /assets/", http.StripPrefix("/assets/", http.FileServerFS(assets)))
	h.mux.HandleFunc("GET /", h.notFound)
	return h
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Everything comes from here and nothing runs inside a page but our own
	// script, so that text from a trace can do no harm even if it were not
	// escaped.
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	w.Header().Set("Cache-Control", "no-cache")
	h.mux.ServeHTTP(w, r)
}

func (h *Handler) overview(w http.ResponseWriter, r *http.Request) {
	q := parseQuery(r.URL.Query())
	h.render(w, http.StatusOK, "overview.html", newOverview(h.store, h.now, q, r.Host))
}

func (h *Handler) trace(w http.ResponseWriter, r *http.Request) {
	id, ok := segment.ParseTraceID(r.PathValue("id"))
	if !ok {
		h.notFound(w, r)
		return
	}
	t, ok := h.store.Trace(h.now(), id)
	if !ok {
		h.render(w, http.StatusNotFound, "message.html", message{
			Title: "No such trace",
			Text:  fmt.Sprintf("The trace %s is not in the store. It never came, or it has left to make room.", id),
		})
		return
	}
	h.render(w, http.StatusOK, "trace.html", newTraceView(t))
}

func (h *Handler) notFound(w http.ResponseWriter, _ *http.Request) {
	h.render(w, http.StatusNotFound, "message.html", message{Title: "No such page", Text: "There is nothing at this address."})
}

type message struct{ Title, Text string }

// head is what the top of every page shows.
type head struct {
	Title string
	Tabs  []choice
}

// newHead makes the top of a page in one of the tabs; it may be in none.
func newHead(title, tab string) head {
	h := head{Title: title}
	for _, t := range []choice{{"Traces", "/", false}, {"Metrics", "/metrics", false}, {"Logs", "/logs", false}} {
		t.Chosen = t.Text == tab
		h.Tabs = append(h.Tabs, t)
	}
	return h
}

func (h *Handler) render(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := h.templates.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "show the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser is gone if it fails; there is nobody to tell
}
