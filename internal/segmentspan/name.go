package segmentspan

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// The namespaces of a subsegment that calls something.
const (
	namespaceAWS    = "aws"
	namespaceRemote = "remote"
	systemAWS       = "aws-api" // of rpc.system
)

// kind writes the span's kind and the namespace that it stands for.
func (w *writer) kind(span ptrace.Span, s *segment.Segment, as role) {
	switch {
	case as == roleSegment:
		span.SetKind(ptrace.SpanKindServer)
		w.str(keyNamespace, s.Namespace)
	case s.Namespace == namespaceAWS:
		span.SetKind(ptrace.SpanKindClient)
		w.str(keyRPCSystem, systemAWS)
	case s.Namespace == namespaceRemote:
		span.SetKind(ptrace.SpanKindClient)
	default:
		span.SetKind(ptrace.SpanKindInternal)
		w.str(keyNamespace, s.Namespace)
	}
}

// namespaceOf derives the namespace of a subsegment.
func namespaceOf(kind ptrace.SpanKind, r *reader) string {
	switch kind {
	case ptrace.SpanKindClient, ptrace.SpanKindProducer:
		if isAWSCall(r) {
			return namespaceAWS
		}
		return namespaceRemote
	}
	return ""
}

// isAWSCall says whether the span calls an AWS API.
func isAWSCall(r *reader) bool {
	return r.peekFirst(keyRPCSystem, keyRPCSystemName) == systemAWS
}

// nameOf names a span that was born in OpenTelemetry and says what kind of
// dependency it is.
func (m *mapper) nameOf(e *entity, res *resource) {
	if !e.sub {
		e.seg.Name = m.segmentName(e, res)
		return
	}
	e.seg.Name, e.seg.Namespace = m.subsegmentName(e)
}

// segmentName names a segment: the service, as far as it is known, else the span.
func (m *mapper) segmentName(e *entity, res *resource) string {
	if name := segment.CleanName(m.r.str(keyAWSLocalService)); name != "" {
		return name
	}
	name := segment.CleanName(res.serviceName)
	if name == "" || strings.HasPrefix(name, "unknown_service") && e.kind != ptrace.SpanKindServer {
		return cleanSpanName(e.span.Name(), name)
	}
	return name
}

// subsegmentName names a subsegment: what it calls, as far as it is known,
// else the span.
func (m *mapper) subsegmentName(e *entity) (name, namespace string) {
	r := &m.r
	namespace = namespaceOf(e.kind, r)
	calls := namespace != "" || e.kind == ptrace.SpanKindConsumer
	if calls {
		if namespace == "" {
			namespace = namespaceRemote
		}
		if namespace == namespaceAWS {
			r.use(keyRPCSystem, keyRPCSystemName)
		}
		if name = r.str(keyAWSRemoteService); name != "" {
			if namespace == namespaceAWS {
				name = strings.TrimPrefix(strings.TrimPrefix(name, "AWS.SDK."), "AWS::")
			}
			return cleanSpanName(name, e.span.Name()), namespace
		}
	}
	if name = segment.CleanName(r.str(keyPeerService)); name != "" {
		return name, namespace
	}
	if name = segment.CleanName(r.str(keyAWSService)); name != "" {
		return name, namespaceAWS
	}
	if name = messagingService(r, e.kind); name != "" {
		r.use(keyMessagingSystem)
		return name, namespaceAWS
	}
	if calls {
		name = m.calleeName()
	}
	return cleanSpanName(name, e.span.Name()), namespace
}

// calleeName names what a client or producer span calls.
func (m *mapper) calleeName() string {
	r := &m.r
	// X-Ray knows the kind of an AWS resource by the name of its service, not
	// by that of its table.
	db := r.peekFirst(keyDBName, keyDBNamespace)
	if db != "" && !isAWSCall(r) {
		return m.databaseName(db)
	}
	if service := r.str(keyRPCService); service != "" {
		return service
	}
	if service, _ := splitMethod(r.peek(keyRPCMethod)); service != "" {
		return service
	}
	if db != "" {
		return m.databaseName(db)
	}
	if host := r.peek(keyHTTPHost); host != "" {
		return host
	}
	if queue := r.peekFirst(keyMessagingDestinationName, keyMessagingDestination); queue != "" && r.have.has(keyMessagingSystem) {
		return r.first(keyMessagingDestinationName, keyMessagingDestination)
	}
	if host := r.peekFirst(keyServerAddress, keyNetPeerName); host != "" {
		return host
	}
	return hostOf(r.peekFirst(keyURLFull, keyHTTPURL))
}

// databaseName is NAME@HOST, or NAME if the host is not known.
func (m *mapper) databaseName(db string) string {
	r := &m.r
	host := hostOf(strings.TrimPrefix(r.peek(keyDBConnectionString), "jdbc:"))
	if host == "" {
		host = r.peekFirst(keyServerAddress, keyNetPeerName)
	}
	if host == "" {
		return db
	}
	return db + "@" + host
}

// cleanSpanName cleans a name, or the other if nothing of it is left.
func cleanSpanName(name, other string) string {
	if name = segment.CleanName(name); name != "" {
		return name
	}
	if name = segment.CleanName(other); name != "" {
		return name
	}
	return "span"
}
