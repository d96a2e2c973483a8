package segment

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of the decoder. A document past one of them is refused.
const (
	// MaxDocumentBytes is the largest document that X-Ray takes, and the
	// largest that the encoder writes.
	MaxDocumentBytes = 64 * 1024
	// MaxDecodeBytes bounds what the decoder reads.
	MaxDecodeBytes = 1 << 20
	// MaxDepth bounds how deep subsegments nest, and how deep objects and
	// arrays nest in a value that is kept as JSON text.
	MaxDepth = 128
)

// Decoder decodes documents and reuses its memory. The zero value is ready.
// It is not safe for concurrent use.
type Decoder struct {
	scanner

	path []int // index of the subsegment at each level, for errors

	// Members without a field, of all objects that are open, innermost last.
	// Those with a known name stand apart: a later member of that name takes
	// their place, and there are few of them.
	unknown []Member
	odd     []Member
	seen    map[string]int

	// Lists while they grow, innermost last.
	children   []*Segment
	exceptions []Exception
	frames     []Frame
	links      []Link
	logGroups  []LogGroup
	texts      []string
	ids        []ID

	mem memory
}

// memory is what the result is made of.
type memory struct {
	segments   slab[Segment]
	pointers   slab[*Segment]
	members    slab[Member]
	services   slab[Service]
	https      slab[HTTP]
	requests   slab[HTTPRequest]
	responses  slab[HTTPResponse]
	sqls       slab[SQL]
	aws        slab[AWS]
	logGroups  slab[LogGroup]
	ec2        slab[EC2]
	ecs        slab[ECS]
	eks        slab[EKS]
	beanstalks slab[ElasticBeanstalk]
	xrays      slab[XRay]
	causes     slab[Cause]
	exceptions slab[Exception]
	frames     slab[Frame]
	links      slab[Link]
	texts      slab[string]
	ids        slab[ID]
}

func (m *memory) reset() {
	m.segments.reset()
	m.pointers.reset()
	m.members.reset()
	m.services.reset()
	m.https.reset()
	m.requests.reset()
	m.responses.reset()
	m.sqls.reset()
	m.aws.reset()
	m.logGroups.reset()
	m.ec2.reset()
	m.ecs.reset()
	m.eks.reset()
	m.beanstalks.reset()
	m.xrays.reset()
	m.causes.reset()
	m.exceptions.reset()
	m.frames.reset()
	m.links.reset()
	m.texts.reset()
	m.ids.reset()
}

// Decode decodes one document: a segment, or a subsegment sent on its own.
// The result is valid until the next Decode; its strings share memory with
// doc and stay valid. An error is an *Error.
//
// It refuses documents that are no JSON object, that miss name, id or
// start_time at any level or trace_id at the top, that have a malformed id
// (a malformed parent_id too, at the top), or that are past a limit.
// Everything else is kept.
//
// Bytes that are no UTF-8 are read as U+FFFD, and so is half a surrogate pair
// in a typed field. Of members that have the same name the last one counts.
// Upper-case hex digits and trace ids in W3C's form are accepted.
func (d *Decoder) Decode(doc string) (*Segment, error) {
	d.mem.reset()
	d.path = d.path[:0]
	if len(doc) > MaxDecodeBytes {
		return nil, &Error{
			Code: CodeInvalidSegment, Kind: "too_large",
			Reason: "has " + strconv.Itoa(len(doc)) + " bytes, more than " + strconv.Itoa(MaxDecodeBytes),
		}
	}
	if !utf8.ValidString(doc) {
		doc = strings.ToValidUTF8(doc, "\uFFFD")
	}
	d.reset(doc)
	if d.peek() != '{' {
		d.syntax("an object")
		return nil, d.err
	}
	s := d.segment()
	d.end()
	// Whatever happened, no list is open any more; let go of what they held.
	d.unknown, d.odd = emptied(d.unknown), emptied(d.odd)
	d.children, d.exceptions, d.frames = emptied(d.children), emptied(d.exceptions), emptied(d.frames)
	d.links, d.logGroups = emptied(d.links), emptied(d.logGroups)
	d.texts, d.ids = emptied(d.texts), emptied(d.ids)
	d.doc = ""
	if d.err != nil {
		return nil, d.err
	}
	return s, nil
}

// Decode decodes one document into memory of its own. See Decoder.Decode.
func Decode(doc string) (*Segment, error) {
	var d Decoder
	return d.Decode(doc)
}

// emptied returns list without its elements, or nil if it grew large.
func emptied[T any](list []T) []T {
	if cap(list) > maxKept {
		return nil
	}
	return list[:0]
}

// failAt fails because of a member of the current segment or subsegment.
func (d *Decoder) failAt(code, kind, member, reason string) {
	if d.err != nil {
		return
	}
	d.fail(&Error{Code: code, Kind: kind, Path: d.where(member), Reason: reason})
}

func (d *Decoder) where(member string) string {
	var b strings.Builder
	const shown = 4 // levels at either end
	for n, i := range d.path {
		if n > shown && n < len(d.path)-shown {
			continue
		}
		if n > 0 {
			b.WriteByte('.')
		}
		if n == shown && n < len(d.path)-shown {
			b.WriteString("…")
			continue
		}
		b.WriteString("subsegments[")
		b.WriteString(strconv.Itoa(i))
		b.WriteByte(']')
	}
	if member != "" && b.Len() > 0 {
		b.WriteByte('.')
	}
	b.WriteString(member)
	return b.String()
}
