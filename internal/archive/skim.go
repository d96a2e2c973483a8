package archive

import (
	"encoding/binary"
	"errors"
)

var (
	// errShort: a structure does not end in the bytes that there are.
	errShort = errors.New("a length in it goes over its end")
	// errMalformed: the bytes are no structure.
	errMalformed = errors.New("it is not in Thrift's compact protocol")
)

// maxNesting is more than Parquet's structures have.
const maxNesting = 24

// skim goes through a structure of Thrift's compact protocol and returns its
// length. The Parquet library takes memory for each list and text as long as it
// claims to be, before it looks for what is in it; what was skimmed claims no
// more than is there.
//
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
func skim(b []byte) (length int, err error) {
	s := skimmer{rest: b}
	if err := s.structure(maxNesting); err != nil {
		return 0, err
	}
	return len(b) - len(s.rest), nil
}

type skimmer struct{ rest []byte }

// The types of the compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

func (s *skimmer) structure(nesting int) error {
	if nesting == 0 {
		return errMalformed
	}
	for {
		head, err := s.byte()
		if err != nil || head == 0 {
			return err
		}
		if head>>4 == 0 { // the number of the field is not a step from the last
			if _, err := s.varint(); err != nil {
				return err
			}
		}
		kind := head & 15
		if kind == thriftTrue || kind == thriftFalse {
			continue // the value is in the head
		}
		if err := s.value(kind, nesting); err != nil {
			return err
		}
	}
}

func (s *skimmer) value(kind byte, nesting int) error {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		return s.skip(1)
	case thriftI16, thriftI32, thriftI64:
		_, err := s.varint()
		return err
	case thriftDouble:
		return s.skip(8)
	case thriftBinary:
		n, err := s.varint()
		if err != nil {
			return err
		}
		return s.skip(n)
	case thriftList, thriftSet:
		return s.list(nesting)
	case thriftMap:
		return s.mapping(nesting)
	case thriftStruct:
		return s.structure(nesting - 1)
	}
	return errMalformed
}

func (s *skimmer) list(nesting int) error {
	head, err := s.byte()
	if err != nil {
		return err
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, err = s.varint(); err != nil {
			return err
		}
	}
	return s.values(n, nesting, head&15)
}

func (s *skimmer) mapping(nesting int) error {
	n, err := s.varint()
	if err != nil || n == 0 {
		return err
	}
	kinds, err := s.byte()
	if err != nil {
		return err
	}
	return s.values(n, nesting, kinds>>4, kinds&15)
}

// values goes through n values of each kind. Each takes a byte at least.
func (s *skimmer) values(n uint64, nesting int, kinds ...byte) error {
	if nesting == 0 {
		return errMalformed
	}
	if n > uint64(len(s.rest)) {
		return errShort
	}
	for range n {
		for _, kind := range kinds {
			if err := s.value(kind, nesting-1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *skimmer) byte() (byte, error) {
	if len(s.rest) == 0 {
		return 0, errShort
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b, nil
}

func (s *skimmer) skip(n uint64) error {
	if n > uint64(len(s.rest)) {
		return errShort
	}
	s.rest = s.rest[n:]
	return nil
}

func (s *skimmer) varint() (uint64, error) {
	v, n := binary.Uvarint(s.rest)
	if n == 0 {
		return 0, errShort
	}
	if n < 0 {
		return 0, errMalformed
	}
	s.rest = s.rest[n:]
	return v, nil
}
