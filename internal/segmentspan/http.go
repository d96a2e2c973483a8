package segmentspan

import (
	"net/netip"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// The members of http that were integers in the form of strings.
const (
	pointerStatus        = "/http/response/status"
	pointerContentLength = "/http/response/content_length"
)

// http writes the block in the stable HTTP conventions.
func (w *writer) http(h *segment.HTTP) {
	if h == nil {
		return
	}
	if q := h.Request; q != nil {
		w.str(keyHTTPRequestMethod, q.Method)
		w.str(keyURLFull, q.URL)
		w.str(keyUserAgentOriginal, q.UserAgent)
		w.str(keyClientAddress, q.ClientIP)
		w.bool(keyXForwardedFor, q.XForwardedFor)
		w.bool(keyHTTPTraced, q.Traced)
		w.extra("/http/request", q.Extra)
	}
	if p := h.Response; p != nil {
		w.int(keyHTTPResponseStatusCode, pointerStatus, p.Status)
		w.int(keyHTTPResponseBodySize, pointerContentLength, p.ContentLength)
		w.extra("/http/response", p.Extra)
	}
	w.extra("/http", h.Extra)
}

// httpOf derives what every span says about HTTP in either convention.
func (m *mapper) httpOf(e *entity) {
	r := &m.r
	q := segment.HTTPRequest{
		Method:    r.first(keyHTTPRequestMethod, keyHTTPMethod),
		URL:       r.first(keyURLFull, keyHTTPURL),
		UserAgent: r.first(keyUserAgentOriginal, keyHTTPUserAgent),
	}
	q.XForwardedFor = m.boolOf(keyXForwardedFor)
	q.Traced = m.boolOf(keyHTTPTraced)
	p := segment.HTTPResponse{
		Status:        m.intOf(keyHTTPResponseStatusCode, keyHTTPStatusCode),
		ContentLength: m.intOf(keyHTTPResponseBodySize, keyHTTPResponseContentLength),
	}
	if e.born == roleNone {
		m.httpOfSpan(e, &q, &p)
	} else {
		q.ClientIP = r.first(keyClientAddress, keyHTTPClientIP)
	}
	if q.Method != "" || q.URL != "" || q.UserAgent != "" || q.ClientIP != "" ||
		q.XForwardedFor != segment.Absent || q.Traced != segment.Absent {
		*e.request() = q
	}
	if p.Status.Form != segment.NoInt || p.ContentLength.Form != segment.NoInt {
		*e.response() = p
	}
}

// httpOfSpan adds what only spans of OpenTelemetry say: the parts of a URL,
// and who called through which proxy.
func (m *mapper) httpOfSpan(e *entity, q *segment.HTTPRequest, p *segment.HTTPResponse) {
	r := &m.r
	if q.Method == "" && q.URL == "" && p.Status.Form == segment.NoInt &&
		r.peekFirst(keyHTTPHost, keyHTTPTarget, keyHTTPScheme, keyHTTPServerName, keyHTTPClientIP) == "" {
		return
	}
	serving := e.kind == ptrace.SpanKindServer
	if q.URL == "" {
		q.URL = m.buildURL(serving)
	} else {
		m.saidByURL(q.URL)
	}
	if serving {
		m.clientOf(q)
	}
	if p.ContentLength.Form == segment.NoInt {
		p.ContentLength = m.receivedSize(e.span)
	}
}

// clientOf sets who called. An address that is not the peer's came from a
// header, as did one without a peer.
func (m *mapper) clientOf(q *segment.HTTPRequest) {
	r := &m.r
	client, peer := r.peekFirst(keyClientAddress, keyHTTPClientIP), r.peekFirst(keyNetworkPeerAddress, keyNetPeerIP)
	if _, err := netip.ParseAddr(client); err != nil && r.peek(keyHTTPClientIP) != client {
		client = "" // a host's name or a socket's path stays in the metadata
	}
	switch {
	case client != "":
		q.ClientIP = client
		r.first(keyClientAddress, keyHTTPClientIP)
		if peer == client {
			r.first(keyNetworkPeerAddress, keyNetPeerIP)
		} else if q.XForwardedFor == segment.Absent {
			q.XForwardedFor = segment.True
		}
	case peer != "":
		q.ClientIP = r.first(keyNetworkPeerAddress, keyNetPeerIP)
	}
}

// receivedSize is the payload of a received message, on the span or an event.
func (m *mapper) receivedSize(span ptrace.Span) segment.Int {
	if m.r.peek(keyMessageType) == "RECEIVED" {
		if n, ok := m.r.integer(keyMessagingPayloadSize); ok {
			m.r.use(keyMessageType)
			return segment.Int{Value: n, Form: segment.NumberInt}
		}
	}
	for _, event := range span.Events().All() {
		kind, ok := event.Attributes().Get(keyNames[keyMessageType])
		if !ok || kind.Type() != pcommon.ValueTypeStr || kind.Str() != "RECEIVED" {
			continue
		}
		if size, ok := event.Attributes().Get(keyNames[keyMessagingPayloadSize]); ok {
			if n, ok := wholeNumber(size); ok {
				return segment.Int{Value: n, Form: segment.NumberInt}
			}
		}
	}
	return segment.Int{}
}

// buildURL puts a URL together if at least the host is known. Otherwise its
// parts stay in the metadata.
func (m *mapper) buildURL(serving bool) string {
	r := &m.r
	hosts := [...]key{keyHTTPHost, keyServerAddress, keyNetPeerName, keyNetPeerIP}
	port := keyNetPeerPort
	if serving {
		hosts = [...]key{keyHTTPHost, keyHTTPServerName, keyNetHostName, keyServerAddress}
		port = keyNetHostPort
	}
	host := ""
	hostKey := noKey
	for _, k := range hosts {
		if host = r.str(k); host != "" {
			hostKey = k
			break
		}
	}
	if host == "" {
		return ""
	}
	b := m.buf[:0]
	scheme := r.first(keyURLScheme, keyHTTPScheme)
	if scheme == "" {
		scheme = "http"
	}
	b = append(append(b, scheme...), "://"...)
	if strings.IndexByte(host, ':') >= 0 && host[0] != '[' && strings.Count(host, ":") > 1 {
		b = append(append(append(b, '['), host...), ']')
	} else {
		b = append(b, host...)
	}
	if hostKey != keyHTTPHost {
		n, ok := r.integer(keyServerPort)
		if !ok {
			n, ok = r.integer(port)
		}
		if ok && !(n == 80 && scheme == "http") && !(n == 443 && scheme == "https") {
			b = strconv.AppendInt(append(b, ':'), n, 10)
		}
	}
	target := r.str(keyHTTPTarget)
	if target == "" {
		if target = r.str(keyURLPath); target == "" {
			target = "/"
		}
		if query := r.str(keyURLQuery); query != "" {
			target += "?" + strings.TrimPrefix(query, "?")
		}
	}
	if target[0] != '/' {
		b = append(b, '/')
	}
	b = append(b, target...)
	m.buf = b
	return m.keep(b)
}

// saidByURL marks the address that a URL repeats.
func (m *mapper) saidByURL(url string) {
	r := &m.r
	host, port := hostOf(url), portOf(url)
	for _, k := range [...]key{keyServerAddress, keyNetPeerName, keyNetHostName, keyHTTPHost} {
		if text := r.peek(k); text != "" && (text == host || text == host+":"+port) {
			r.used.add(k)
		}
	}
	for _, k := range [...]key{keyServerPort, keyNetPeerPort, keyNetHostPort} {
		if text := r.peek(k); text != "" && text == port {
			r.used.add(k)
		}
	}
	for _, k := range [...]key{keyURLScheme, keyHTTPScheme} {
		if text := r.peek(k); text != "" && strings.HasPrefix(url, text+"://") {
			r.used.add(k)
		}
	}
}

// portOf is the port of a URL, also if it is the scheme's own.
func portOf(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	if colon := strings.LastIndexByte(rest, ':'); colon > strings.LastIndexByte(rest, ']') {
		return rest[colon+1:]
	}
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}

// hostOf is the host of a URL, without user, port and brackets.
func hostOf(url string) string {
	_, rest, found := strings.Cut(url, "://")
	if !found {
		return ""
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	if strings.HasPrefix(rest, "[") {
		if end := strings.IndexByte(rest, ']'); end > 0 {
			return rest[1:end]
		}
	}
	if colon := strings.LastIndexByte(rest, ':'); colon >= 0 {
		rest = rest[:colon]
	}
	return rest
}
