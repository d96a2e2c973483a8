package xraylocalextension

import (
	"net"
	"net/http"
	"strings"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/api"
)

// router sends requests to the APIs or the pages, once it is sure that no
// foreign web page is behind them. CloudWatch's requests name their service;
// what names none is for X-Ray.
type router struct {
	api      *api.Handler
	cw       *cloudWatch
	pages    http.Handler
	observer *observer
	loopback bool
	origin   *http.CrossOriginProtection
}

func newRouter(xray *api.Handler, cw *cloudWatch, pages http.Handler, o *observer, loopback bool) *router {
	return &router{api: xray, cw: cw, pages: pages, observer: o, loopback: loopback, origin: http.NewCrossOriginProtection()}
}

func (h *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A name that somebody else's DNS points at this machine would make their
	// page one of our own for the browser (DNS rebinding).
	if h.loopback && !isLoopbackHost(r.Host) {
		h.api.Refuse(w, http.StatusForbidden, "AccessDeniedException",
			"this endpoint is bound to loopback and answers only to localhost and loopback addresses")
		return
	}
	if err := h.origin.Check(r); err != nil {
		h.api.Refuse(w, http.StatusForbidden, "AccessDeniedException", "requests from other sites are refused")
		return
	}
	if h.cw.serve(w, r) {
		return
	}
	if h.api.Handles(r.URL.Path) || r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.api.ServeHTTP(w, r)
		return
	}
	h.pages.ServeHTTP(&countingWriter{ResponseWriter: w, observer: h.observer}, r)
}

// countingWriter counts a page when its status is known.
type countingWriter struct {
	http.ResponseWriter
	observer *observer
	counted  bool
}

func (w *countingWriter) WriteHeader(status int) {
	if !w.counted {
		w.counted = true
		w.observer.Request("page", status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *countingWriter) Write(b []byte) (int, error) {
	if !w.counted {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// isLoopbackHost reports whether the Host header names this machine's loopback.
func isLoopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
