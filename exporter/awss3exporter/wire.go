package awss3exporter

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// The OTLP messages of the three signals have the same frame:
//
//	Data          { repeated Group 1 }
//	Group         { Resource 1, repeated Scoped 2, string schema_url 3 }
//	Scoped        { Scope 1, repeated record 2, string schema_url 3 }
//
// so that records can be sorted, grouped and split as bytes, without objects.
const (
	fieldGroups  protowire.Number = 1
	fieldOrigin  protowire.Number = 1 // resource or scope
	fieldMembers protowire.Number = 2 // scoped or records
	fieldSchema  protowire.Number = 3
)

var errOTLP = errors.New("no OTLP")

// origin is what records have in common, as bytes of their messages.
type origin struct {
	resource, resourceSchema []byte
	scope, scopeSchema       []byte
}

// is tells whether o and other are the same parts of one message, or nothing.
func (o *origin) is(other *origin) bool {
	return sameMemory(o.resource, other.resource) && sameMemory(o.resourceSchema, other.resourceSchema) &&
		sameMemory(o.scope, other.scope) && sameMemory(o.scopeSchema, other.scopeSchema)
}

func sameMemory(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// appendData appends a Data message with records of one origin.
func (o *origin) appendData(out []byte, records ...[]byte) []byte {
	scoped := sizeField(o.scope) + sizeField(o.scopeSchema)
	for _, r := range records {
		scoped += sizeField(r)
	}
	group := sizeField(o.resource) + sizeField(o.resourceSchema) + protowire.SizeTag(fieldMembers) + protowire.SizeBytes(scoped)
	out = protowire.AppendTag(out, fieldGroups, protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(group))
	out = appendField(out, fieldOrigin, o.resource)
	out = protowire.AppendTag(out, fieldMembers, protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(scoped))
	out = appendField(out, fieldOrigin, o.scope)
	for _, r := range records {
		out = appendField(out, fieldMembers, r)
	}
	out = appendField(out, fieldSchema, o.scopeSchema)
	return appendField(out, fieldSchema, o.resourceSchema)
}

// All fields here have numbers under 16, so tags of one byte.
func sizeField(value []byte) int { return 1 + protowire.SizeBytes(len(value)) }

func appendField(out []byte, number protowire.Number, value []byte) []byte {
	out = protowire.AppendTag(out, number, protowire.BytesType)
	return protowire.AppendBytes(out, value)
}

// visit calls use for each record of a Data message in order. All slices share
// memory with data.
func visit(data []byte, use func(o *origin, record []byte) error) error {
	var o origin
	return eachField(data, func(number protowire.Number, group []byte) error {
		if number != fieldGroups {
			return nil
		}
		var err error
		if o.resource, o.resourceSchema, err = originOf(group); err != nil {
			return err
		}
		return eachField(group, func(number protowire.Number, scoped []byte) error {
			if number != fieldMembers {
				return nil
			}
			var err error
			if o.scope, o.scopeSchema, err = originOf(scoped); err != nil {
				return err
			}
			return eachField(scoped, func(number protowire.Number, record []byte) error {
				if number != fieldMembers {
					return nil
				}
				return use(&o, record)
			})
		})
	})
}

// originOf returns the resource or scope of a message and its schema URL.
func originOf(message []byte) (origin, schema []byte, err error) {
	err = eachField(message, func(number protowire.Number, value []byte) error {
		switch number {
		case fieldOrigin:
			origin = value
		case fieldSchema:
			schema = value
		}
		return nil
	})
	return origin, schema, err
}

// eachField calls use for the fields of a message that have a length, and
// passes over others.
func eachField(message []byte, use func(number protowire.Number, value []byte) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return fmt.Errorf("%w: %w", errOTLP, protowire.ParseError(n))
		}
		message = message[n:]
		if kind == protowire.BytesType {
			value, n := protowire.ConsumeBytes(message)
			if n < 0 {
				return fmt.Errorf("%w: %w", errOTLP, protowire.ParseError(n))
			}
			if err := use(number, value); err != nil {
				return err
			}
			message = message[n:]
			continue
		}
		if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
			return fmt.Errorf("%w: %w", errOTLP, protowire.ParseError(n))
		}
		message = message[n:]
	}
	return nil
}

// dataPoints counts the data points of a metric's message, which are field 1
// of whichever kind of data it has.
func dataPoints(metric []byte) (count int) {
	_ = eachField(metric, func(number protowire.Number, data []byte) error {
		switch number {
		case 5, 7, 9, 10, 11: // gauge, sum, histogram, exponential histogram, summary
			return eachField(data, func(number protowire.Number, _ []byte) error {
				if number == 1 {
					count++
				}
				return nil
			})
		}
		return nil
	})
	return count
}
