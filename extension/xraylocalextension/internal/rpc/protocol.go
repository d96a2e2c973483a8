package rpc

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Protocol is how inputs and outputs look on the wire.
type Protocol interface {
	decode(body []byte, into any) error
	encode(v any) ([]byte, error)
	contentTypes() []string
	header(h http.Header)
}

// The protocols.
var (
	JSON Protocol = jsonProtocol{} // awsJson 1.0 and 1.1
	CBOR Protocol = cborProtocol{} // Smithy RPC v2, see cbor.go
)

type jsonProtocol struct{}

func (jsonProtocol) decode(body []byte, into any) error { return json.Unmarshal(body, into) }
func (jsonProtocol) encode(v any) ([]byte, error)       { return json.Marshal(v) }
func (jsonProtocol) header(h http.Header)               { h.Set("Content-Type", "application/x-amz-json-1.1") }
func (jsonProtocol) contentTypes() []string {
	return []string{"application/x-amz-json-1.1", "application/x-amz-json-1.0", "application/json"}
}

// Time is a time on the wire: seconds since 1970, in JSON a number, in CBOR
// that number with a tag. It is exact to the millisecond, as far as clients go.
type Time struct{ time.Time }

// UnmarshalJSON reads a number of seconds.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	s, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return err
	}
	t.Time = fromSeconds(s)
	return nil
}

// MarshalJSON writes a number of seconds.
func (t Time) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, t.seconds(), 'f', -1, 64), nil
}

func (t Time) seconds() float64 { return float64(t.UnixMilli()) / 1e3 }

// maxSeconds is the end of the year 9999; times beyond it are cut off, so that
// arithmetic with them is safe.
const maxSeconds = 253402300799

func fromSeconds(s float64) time.Time {
	switch {
	case s != s || s < -maxSeconds:
		s = -maxSeconds
	case s > maxSeconds:
		s = maxSeconds
	}
	return time.UnixMilli(int64(s*1e3 + 0.5))
}
