package segmentspan

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/operation"
)

// The operations of spans that name none, as in Application Signals.
const (
	UnknownOperation       = "UnknownOperation"
	UnknownRemoteOperation = "UnknownRemoteOperation"
)

// beforeHTTP are the attributes that name an operation better than a URL does.
// Most spans are of HTTP and have none of them.
var beforeHTTP = func() (s keySet) {
	for _, k := range [...]key{
		keyAWSLocalOperation, keyAWSRemoteOperation, keyAWSOperation, keyRPCService, keyRPCMethod,
		keyDBSystemName, keyDBSystem, keyDBOperationName, keyDBOperation, keyDBStatement, keyDBQueryText,
		keyMessagingDestinationTemplate, keyMessagingDestinationName, keyMessagingDestination,
	} {
		s.add(k)
	}
	return s
}()

// LocalOperation is the operation of the service within which the span made
// its call, if it says so.
func (d *Describer) LocalOperation() string { return d.m.r.peek(keyAWSLocalOperation) }

// AppendOperation appends the name of the operation that the span served. What
// the instrumentation knows comes first: a route, the method of a remote call,
// the destination of a message; then the path without its ids, and last the
// span's own name.
func (d *Describer) AppendOperation(b []byte) []byte {
	m, r, from := &d.m, &d.m.r, len(b)
	known := r.have.hasAny(&beforeHTTP)
	if name := r.peek(keyAWSLocalOperation); name != "" {
		return append(b, name...)
	}
	method := r.peekFirst(keyHTTPRequestMethod, keyHTTPMethod)
	if route := r.peek(keyHTTPRoute); route != "" {
		return append(withSpace(b, method), route...)
	}
	if known {
		if b = m.appendRPC(b); len(b) > from {
			return b
		}
		if b = m.appendMessage(b, d.e.kind); len(b) > from {
			return b
		}
	}
	if url := r.peekFirst(keyURLPath, keyHTTPTarget, keyURLFull, keyHTTPURL); url != "" {
		return operation.AppendPath(withSpace(b, method), url)
	}
	if d.e.born != roleNone && method != "" {
		return append(b, method...)
	}
	if b = operation.AppendName(b, d.e.span.Name()); len(b) > from {
		return b
	}
	return append(b, UnknownOperation...)
}

// AppendRemoteOperation appends the name of the operation that the span called.
func (d *Describer) AppendRemoteOperation(b []byte) []byte {
	m, r, from := &d.m, &d.m.r, len(b)
	if r.have.hasAny(&beforeHTTP) {
		if b = m.appendCall(b, d.e.kind); len(b) > from {
			return b
		}
	}
	method := r.peekFirst(keyHTTPRequestMethod, keyHTTPMethod)
	if template := r.peekFirst(keyURLTemplate, keyHTTPRoute); template != "" {
		return append(withSpace(b, method), template...)
	}
	if url := r.peekFirst(keyURLFull, keyHTTPURL, keyURLPath, keyHTTPTarget); url != "" {
		return operation.AppendPath(withSpace(b, method), url)
	}
	if method != "" {
		return append(b, method...)
	}
	// A subsegment has the name of what it calls, and a span whose callee is
	// not known lends it its own.
	if name := d.e.span.Name(); d.e.born == roleNone && name != d.remote {
		if b = operation.AppendName(b, name); len(b) > from {
			return b
		}
	}
	return append(b, UnknownRemoteOperation...)
}

// appendCall appends what a span says of its call, other than by HTTP.
func (m *mapper) appendCall(b []byte, kind ptrace.SpanKind) []byte {
	r, from := &m.r, len(b)
	if name := r.peekFirst(keyAWSRemoteOperation, keyAWSOperation); name != "" {
		return append(b, name...)
	}
	if isAWSCall(r) {
		if _, name := splitMethod(r.peek(keyRPCMethod)); name != "" {
			return append(b, name...)
		}
	}
	if b = m.appendRPC(b); len(b) > from {
		return b
	}
	if b = m.appendQuery(b); len(b) > from {
		return b
	}
	return m.appendMessage(b, kind)
}

func withSpace(b []byte, word string) []byte {
	if word == "" {
		return b
	}
	return append(append(b, word...), ' ')
}

// appendRPC appends SERVICE/METHOD. Newer conventions have both in rpc.method.
func (m *mapper) appendRPC(b []byte) []byte {
	service, method := m.r.peek(keyRPCService), m.r.peek(keyRPCMethod)
	switch {
	case method == "":
		return b
	case service == "" || strings.HasPrefix(method, service+"/"):
		return append(b, method...)
	}
	b = append(append(b, service...), '/')
	return append(b, method...)
}

// appendMessage appends what is done with a message, and its destination.
func (m *mapper) appendMessage(b []byte, kind ptrace.SpanKind) []byte {
	r := &m.r
	to := r.peekFirst(keyMessagingDestinationTemplate, keyMessagingDestinationName, keyMessagingDestination)
	if to == "" {
		return b
	}
	verb := r.peekFirst(keyMessagingOperationName, keyMessagingOperationType, keyMessagingOperation)
	if verb == "" {
		verb = "process"
		if kind == ptrace.SpanKindProducer || kind == ptrace.SpanKindClient {
			verb = "publish"
		}
	}
	return append(withSpace(b, verb), to...)
}

// appendQuery appends the operation of a database: the one that is named, else
// the first word of the query.
func (m *mapper) appendQuery(b []byte) []byte {
	r := &m.r
	system := r.peekFirst(keyDBSystemName, keyDBSystem)
	if name := r.peekFirst(keyDBOperationName, keyDBOperation); name != "" {
		if isSQL(system) {
			return appendUpper(b, name)
		}
		return append(b, name...)
	}
	query := strings.TrimLeft(r.peekFirst(keyDBStatement, keyDBQueryText), " \t\r\n(")
	end := 0
	for end < len(query) && (query[end]|0x20 >= 'a' && query[end]|0x20 <= 'z') {
		end++
	}
	if end > maxVerb {
		return b
	}
	return appendUpper(b, query[:end])
}

// maxVerb is longer than any first word of a query.
const maxVerb = 24

func appendUpper(b []byte, word string) []byte {
	for i := range len(word) {
		c := word[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}
