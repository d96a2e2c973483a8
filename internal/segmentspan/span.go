package segmentspan

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// resource is what the spans of one ResourceSpans share.
type resource struct {
	identity
	origin      string
	sdk         string
	language    string
	arn         string
	logGroups   []segment.LogGroup
	annotations []annotated
	metadata    []byte // members for the metadata of segments, without braces
	attributes  pcommon.Map
	hash        uint64 // of the attributes, once hashed is true
	hashed      bool
}

// annotated is a resource's attribute that becomes an annotation.
type annotated struct {
	name  string
	value pcommon.Value
}

// readResource derives what the spans of a resource share.
func (m *mapper) readResource(from pcommon.Resource) {
	r := &m.r
	r.read(from.Attributes())
	res := resource{identity: readIdentity(r), attributes: from.Attributes()}
	res.origin = res.identity.origin()
	res.sdk = res.identity.sdk()
	res.language = r.peek(keyTelemetrySDKLanguage)
	if res.arn = r.str(keyResourceARN); res.arn == "" {
		if arn := r.peek(keyCloudResourceID); strings.HasPrefix(arn, "arn:") {
			res.arn = r.str(keyCloudResourceID)
		}
	}
	res.logGroups = res.identity.logGroups(nil)
	if len(res.logGroups) == 0 {
		res.logGroups = m.options.logGroups
	}
	all := m.options.IndexAllAttributes
	r.unused(func(name string, value pcommon.Value) {
		if len(m.options.indexed) > 0 || all {
			if full := resourcePrefix + name; all || m.options.isIndexed(full) {
				res.annotations = append(res.annotations, annotated{full, value})
				return
			}
		}
		m.inside = append(m.inside[:0], resourcePrefix...)
		res.metadata = appendMember(res.metadata, string(append(m.inside, name...)), value)
	})
	for _, name := range m.options.IndexedAttributes {
		if k := keyOf(strings.TrimPrefix(name, resourcePrefix)); k != noKey && r.used.has(k) && strings.HasPrefix(name, resourcePrefix) {
			res.annotations = append(res.annotations, annotated{name, r.vals[k]})
		}
	}
	m.resources = append(m.resources, res)
}

// fromSpan makes the entity of a span, or reports why it cannot.
func (m *mapper) fromSpan(span ptrace.Span, scope pcommon.InstrumentationScope, out *Encoded) {
	r := &m.r
	r.read(span.Attributes())
	if m.isUnsampled() {
		out.Unsampled++
		return
	}
	if reason := m.invalid(span); reason != "" {
		if out.Invalid == nil {
			out.Invalid = make(map[string]int)
		}
		out.Invalid[reason]++
		return
	}
	e := m.newEntity(span)
	e.born = roleOf(r.str(keyDocument))
	if e.born != roleNone {
		m.fromXRay(e, scope)
	} else {
		m.fromOTel(e, scope)
	}
	m.place(e, out)
}

// isUnsampled says whether the span was recorded but not sampled, and no tail
// sampler kept it.
func (m *mapper) isUnsampled() bool {
	if !m.r.have.has(keyAWSTraceSampled) {
		return false
	}
	m.r.used.add(keyAWSTraceSampled)
	switch v := m.r.vals[keyAWSTraceSampled]; v.Type() {
	case pcommon.ValueTypeInt:
		return v.Int() == 0 && !m.r.have.has(keySamplingRuleName)
	case pcommon.ValueTypeBool:
		return !v.Bool() && !m.r.have.has(keySamplingRuleName)
	}
	return false
}

// The reasons why a span cannot be a document.
const (
	InvalidTraceID   = "missing_trace_id"
	InvalidSpanID    = "missing_span_id"
	InvalidStart     = "missing_start_time"
	InvalidTime      = "invalid_time"
	InvalidTraceTime = "trace_id_time"
)

// latest is the last instant that a document can tell: ten digits of seconds.
const latest = pcommon.Timestamp(9_999_999_999_999_999_999)

func (m *mapper) invalid(span ptrace.Span) string {
	switch {
	case span.TraceID().IsEmpty():
		return InvalidTraceID
	case span.SpanID().IsEmpty():
		return InvalidSpanID
	case span.StartTimestamp() == 0 && span.EndTimestamp() == 0:
		return InvalidStart
	case max(span.StartTimestamp(), span.EndTimestamp()) > latest:
		return InvalidTime
	case m.options.ValidateTimestamp && !m.isRecent(span.TraceID()):
		return InvalidTraceTime
	}
	return ""
}

// newEntity makes an entity with what every span has.
func (m *mapper) newEntity(span ptrace.Span) *entity {
	e := m.alloc()
	e.span, e.kind = span, span.Kind()
	e.traceID, e.parent = segment.TraceID(span.TraceID()), segment.ID(span.ParentSpanID())
	e.res = len(m.resources) - 1
	s := &e.seg
	s.ID = segment.ID(span.SpanID())
	s.StartTime = segment.Time(span.StartTimestamp())
	if s.StartTime == 0 {
		s.StartTime = segment.Time(span.EndTimestamp())
	}
	return e
}

// shared derives the members that need no knowledge of where a span was born,
// apart from the blocks that ask for it themselves.
func (m *mapper) shared(e *entity) {
	r := &m.r
	s := &e.seg
	s.User = r.str(keyEnduserID)
	s.ResourceARN = r.str(keyResourceARN)
	s.Traced = m.boolOf(keyTraced)
	s.Inferred = m.boolOf(keyInferred)
	m.httpOf(e)
	m.awsOf(e)
	m.sqlOf(e)
	m.linksOf(e)
	// A tail sampler puts the rule on every span that it kept; segments say it.
	if name := r.str(keySamplingRuleName); name != "" && !e.sub {
		e.xrayBlock().SamplingRuleName = name
	}
	if auto := m.boolOf(keyAutoInstrumentation); auto != segment.Absent {
		e.xrayBlock().AutoInstrumentation = auto
	}
	if name := r.str(keyServiceBlockName); name != "" {
		e.serviceBlock().Name = name
	}
	if compiler := r.str(keyServiceCompiler); compiler != "" {
		e.serviceBlock().Compiler = compiler
	}
	if version := r.str(keyServiceCompilerVersion); version != "" {
		e.serviceBlock().CompilerVersion = version
	}
	if r.have.has(keyPrecursorIDs) {
		m.paths = r.strings(keyPrecursorIDs, m.paths[:0])
		for _, text := range m.paths {
			if id, ok := segment.ParseID(text); ok {
				e.precursors = append(e.precursors, id)
			}
		}
		s.PrecursorIDs = e.precursors
	}
	m.metadataOf(e)
}

// fromXRay makes the entity of a span that was born in X-Ray.
func (m *mapper) fromXRay(e *entity, scope pcommon.InstrumentationScope) {
	r, s, res := &m.r, &e.seg, &m.resources[e.res]
	e.sub = e.born != roleSegment
	e.spelled = r.str(keySpelled)
	s.Name = e.span.Name()
	if !e.sub && res.serviceName != "" {
		s.Name = res.serviceName
	}
	if s.Name == "" {
		s.Name = cleanSpanName("", "") // a processor emptied it
	}
	m.shared(e)

	s.InProgress = m.boolOf(keyInProgress)
	open := s.InProgress == segment.True
	if open && marked(e.spelled, spelledEndTime) || !open && !marked(e.spelled, spelledNoEnd) {
		s.EndTime = segment.Time(e.span.EndTimestamp())
	}
	if e.sub {
		if s.Namespace = namespaceOf(e.kind, r); s.Namespace == namespaceAWS {
			r.use(keyRPCSystem, keyRPCSystemName)
		}
	}
	if namespace := r.str(keyNamespace); namespace != "" {
		s.Namespace = namespace
	}
	setFlags(s, r, outcomeOf(e.span.Status().Code(), e.resp.Status.Value, rpcStatus(r)))
	m.causeOf(e)

	var metadata []byte
	if !e.sub {
		m.resourceBlocks(e, res)
		metadata = res.metadata
		if s.ResourceARN == "" {
			s.ResourceARN = res.arn
		}
	}
	if origin := r.str(keyOrigin); origin != "" {
		s.Origin = origin
	}
	m.restore(e)
	m.correct(e)
	m.leftovers(e, namespaceOTel, metadata)
	m.spanFacts(e, scope, s.Name)
	if !e.sub {
		m.annotateResource(e, res)
	}
	s.Annotations, s.Metadata = e.annotations, e.metadata
}

// fromOTel makes the entity of a span that was born in OpenTelemetry.
func (m *mapper) fromOTel(e *entity, scope pcommon.InstrumentationScope) {
	r, s, res := &m.r, &e.seg, &m.resources[e.res]
	root := m.rootOf(e)
	e.sub = root == splitSpan || root == subsegmentSpan
	m.nameOf(e, res)
	m.shared(e)

	s.EndTime = segment.Time(e.span.EndTimestamp())
	if open, ok := r.boolean(keyInProgress); ok && open || s.EndTime == 0 {
		s.InProgress, s.EndTime = segment.True, 0
	}
	setFlags(s, r, outcomeOf(e.span.Status().Code(), e.resp.Status.Value, rpcStatus(r)))
	m.exceptionsOf(e, res)
	if id, ok := segment.ParseID(r.peek(keyCauseID)); ok && s.Cause == nil {
		r.used.add(keyCauseID)
		e.causeBlock().ID = id
	}
	if namespace := r.str(keyNamespace); namespace != "" {
		s.Namespace = namespace
	}

	if root == splitSpan {
		r.use(keyAWSLocalService)
	}
	if !e.sub {
		m.segmentOf(e, res)
	}
	m.disown()
	var metadata []byte
	if !e.sub {
		metadata = m.resourceMetadata(e, res)
	}
	m.leftovers(e, namespaceDefault, metadata)
	m.spanFacts(e, scope, s.Name)
	if !e.sub {
		m.annotateResource(e, res)
	}
	s.Annotations, s.Metadata = e.annotations, e.metadata
	if root == splitSpan {
		m.serviceSegment(e, res)
	}
}

// segmentOf gives a segment that was born in OpenTelemetry what its resource says.
func (m *mapper) segmentOf(e *entity, res *resource) {
	m.resourceBlocks(e, res)
	if e.seg.ResourceARN == "" {
		e.seg.ResourceARN = res.arn
	}
	if res.auto {
		e.xrayBlock().AutoInstrumentation = segment.True
	}
}

// resourceMetadata is the metadata of a segment's resource, with the name of
// the service if the segment goes by another.
func (m *mapper) resourceMetadata(e *entity, res *resource) []byte {
	if res.serviceName == "" || res.serviceName == e.seg.Name {
		return res.metadata
	}
	m.buf = append(m.buf[:0], res.metadata...)
	m.buf = segment.AppendString(appendName(m.buf, resourcePrefix+keyNames[keyServiceName]), res.serviceName)
	return m.buf
}

// annotateResource makes annotations of attributes of the resource: those that
// the settings name, and those that the span names.
func (m *mapper) annotateResource(e *entity, res *resource) {
	left := m.inside[:0]
	for _, a := range res.annotations {
		if !m.annotate(e, a.name, a.value) {
			left = appendMember(left, a.name, a.value)
		}
	}
	if e.born == roleNone {
		for _, name := range m.named.list {
			if attribute, ok := strings.CutPrefix(name, resourcePrefix); ok {
				if value, ok := res.attributes.Get(attribute); ok {
					m.annotate(e, name, value)
				}
			}
		}
	}
	m.inside = left
	namespace := namespaceDefault
	if e.born != roleNone {
		namespace = namespaceOTel
	}
	m.addMetadata(e, namespace, left)
}

// boolOf reads a bool member.
func (m *mapper) boolOf(k key) segment.Bool {
	value, ok := m.r.boolean(k)
	if !ok {
		return segment.Absent
	}
	return boolean(value)
}

// intOf reads an integer member from the first of the attributes that has one.
func (m *mapper) intOf(ks ...key) segment.Int {
	n := segment.Int{}
	for _, k := range ks {
		if !m.r.have.has(k) {
			continue
		}
		value, ok := wholeNumber(m.r.vals[k])
		if !ok || n.Form != segment.NoInt && value != n.Value {
			continue
		}
		n = segment.Int{Value: value, Form: segment.NumberInt}
		m.r.used.add(k)
	}
	return n
}
