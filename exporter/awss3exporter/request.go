package awss3exporter

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
)

// request is an item of the sending queue: what one or more objects will be
// made of. Which object it is was decided when it came, and so each attempt to
// store it, after a restart too, goes to the same key.
type request struct {
	signal *signal
	drafts []draft
}

// draft is one object before it is encoded.
type draft struct {
	bucket string // "" means the configured one
	prefix string // the same
	id     uuid.UUID
	time   time.Time // when it came; its partition
	items  int
	data   []byte // OTLP protobuf
	done   bool   // stored, or lost and counted: nothing to try again
}

// ItemsCount returns spans, data points or log records.
func (r *request) ItemsCount() (n int) {
	for i := range r.drafts {
		n += r.drafts[i].items
	}
	return n
}

// BytesSize returns the size of the OTLP.
func (r *request) BytesSize() (n int) {
	for i := range r.drafts {
		n += len(r.drafts[i].data)
	}
	return n
}

func (d *draft) size(sizer exporterhelper.RequestSizerType) int {
	switch sizer {
	case exporterhelper.RequestSizerTypeItems:
		return d.items
	case exporterhelper.RequestSizerTypeBytes:
		return len(d.data)
	}
	return 1
}

// MergeSplit joins r with another request, what goes to the same place becoming
// one object, and cuts the result to maxSize. Neither may be used after it.
func (r *request) MergeSplit(_ context.Context, maxSize int, sizer exporterhelper.RequestSizerType, other xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	all := r.drafts
	if other != nil {
		second, ok := other.(*request)
		if !ok {
			return nil, fmt.Errorf("join a request with a %T", other)
		}
		all = append(all[:len(all):len(all)], second.drafts...)
	}
	if sizer == exporterhelper.RequestSizerTypeRequests {
		maxSize = 0 // a request has one size, that of a request
	}
	// The batcher ties what r came from to the first result, so order stays.
	out := []*request{{signal: r.signal}}
	room := maxSize
	for i := range all {
		pieces := []draft{all[i]}
		if maxSize > 0 {
			var err error
			if pieces, err = r.signal.split(&all[i], room, maxSize, sizer); err != nil {
				return nil, err
			}
		}
		for j := range pieces {
			last := out[len(out)-1]
			n := pieces[j].size(sizer)
			if maxSize > 0 && n > room && len(last.drafts) > 0 {
				last = &request{signal: r.signal}
				out = append(out, last)
				room = maxSize
			}
			last.join(pieces[j])
			room -= n
		}
	}
	results := make([]xexporterhelper.Request, len(out))
	for i := range out {
		results[i] = out[i]
	}
	return results, nil
}

// join adds a draft to r, to one that goes to the same place if there is one:
// OTLP messages one after the other are one message.
func (r *request) join(d draft) {
	for i := range r.drafts {
		to := &r.drafts[i]
		if to.bucket != d.bucket || to.prefix != d.prefix {
			continue
		}
		// The same parts make the same object again.
		sum := sha256.Sum256(append(to.id[:], d.id[:]...))
		to.id = timed(to.id, sum[:])
		to.items += d.items
		to.data = append(to.data[:len(to.data):len(to.data)], d.data...)
		return
	}
	r.drafts = append(r.drafts, d)
}

// timed returns a UUID of version 7 with the time of id and the bits of sum.
func timed(id uuid.UUID, sum []byte) uuid.UUID {
	copy(id[6:], sum)
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// split cuts a draft into pieces of at most maxSize, the first of at most room
// if that is enough for a record. A record is never cut.
func (s *signal) split(d *draft, room, maxSize int, sizer exporterhelper.RequestSizerType) ([]draft, error) {
	if d.size(sizer) <= max(room, 0) || d.size(sizer) <= maxSize && room <= 0 {
		return []draft{*d}, nil
	}
	limit := room
	if room <= 0 {
		limit = maxSize
	}
	var pieces []draft
	var piece draft
	var at origin // of group
	var group [][]byte
	size := 0
	flushGroup := func() {
		if len(group) > 0 {
			piece.data = at.appendData(piece.data, group...)
			group = group[:0]
		}
	}
	flush := func() {
		flushGroup()
		if piece.items == 0 && len(piece.data) == 0 {
			return
		}
		piece.bucket, piece.prefix, piece.time, piece.id = d.bucket, d.prefix, d.time, d.id
		if len(pieces) > 0 {
			var n [8]byte
			binary.BigEndian.PutUint64(n[:], uint64(len(pieces)))
			sum := sha256.Sum256(append(d.id[:], n[:]...))
			piece.id = timed(d.id, sum[:])
		}
		pieces = append(pieces, piece)
		piece, size, limit = draft{}, 0, maxSize
	}
	err := visit(d.data, func(o *origin, record []byte) error {
		items := s.items(record)
		cost := items
		if sizer == exporterhelper.RequestSizerTypeBytes {
			cost = sizeField(record)
			if len(group) == 0 || !at.is(o) {
				cost += len(o.resource) + len(o.resourceSchema) + len(o.scope) + len(o.scopeSchema) + 32 // tags and lengths
			}
		}
		if size > 0 && size+cost > limit {
			flush()
		}
		if len(group) > 0 && !at.is(o) {
			flushGroup()
		}
		at = *o
		group = append(group, record)
		size += cost
		piece.items += items
		return nil
	})
	if err != nil {
		return nil, err
	}
	flush()
	return pieces, nil
}

// A request on disk: version, number of drafts, then for each the bucket, the
// prefix, the id, the time in ns, the number of items and the data.
const requestVersion = 1

var errRequest = errors.New("damaged queue item")

func (r *request) marshal() []byte {
	out := binary.AppendUvarint([]byte{requestVersion}, uint64(len(r.drafts)))
	for i := range r.drafts {
		d := &r.drafts[i]
		out = appendText(out, d.bucket)
		out = appendText(out, d.prefix)
		out = append(out, d.id[:]...)
		out = binary.LittleEndian.AppendUint64(out, uint64(d.time.UnixNano()))
		out = binary.AppendUvarint(out, uint64(d.items))
		out = appendText(out, d.data)
	}
	return out
}

func appendText[T ~string | ~[]byte](out []byte, text T) []byte {
	return append(binary.AppendUvarint(out, uint64(len(text))), text...)
}

// unmarshalRequest reads what marshal wrote. The data shares memory with in.
func unmarshalRequest(in []byte, s *signal) (*request, error) {
	if len(in) == 0 || in[0] != requestVersion {
		return nil, fmt.Errorf("%w: no version this program knows", errRequest)
	}
	d := decoder{in: in[1:]}
	count := d.uvarint()
	r := &request{signal: s}
	for range count {
		if d.bad {
			break
		}
		var draft draft
		draft.bucket = string(d.text())
		draft.prefix = string(d.text())
		copy(draft.id[:], d.take(uint64(len(draft.id))))
		if stamp := d.take(8); stamp != nil {
			draft.time = time.Unix(0, int64(binary.LittleEndian.Uint64(stamp)))
		}
		draft.items = int(min(d.uvarint(), 1<<31))
		draft.data = d.text()
		r.drafts = append(r.drafts, draft)
	}
	if d.bad || len(d.in) > 0 {
		return nil, fmt.Errorf("%w: cut off or too long", errRequest)
	}
	return r, nil
}

type decoder struct {
	in  []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.in)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.in = d.in[n:]
	return v
}

func (d *decoder) take(n uint64) []byte {
	if d.bad || n > uint64(len(d.in)) {
		d.bad = true
		return nil
	}
	out := d.in[:n:n]
	d.in = d.in[n:]
	return out
}

func (d *decoder) text() []byte { return d.take(d.uvarint()) }

// queueEncoding stores requests in a queue on disk.
type queueEncoding struct {
	signal *signal
	// damaged is called for each item that cannot be read.
	damaged func()
}

// Marshal writes a request.
func (queueEncoding) Marshal(_ context.Context, r xexporterhelper.Request) ([]byte, error) {
	q, ok := r.(*request)
	if !ok {
		return nil, fmt.Errorf("store a %T", r)
	}
	return q.marshal(), nil
}

// Unmarshal reads a request.
func (e queueEncoding) Unmarshal(in []byte) (context.Context, xexporterhelper.Request, error) {
	r, err := unmarshalRequest(in, e.signal)
	if err != nil {
		e.damaged()
		return context.Background(), nil, err
	}
	return context.Background(), r, nil
}
