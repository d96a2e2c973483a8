package rpc

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/stretchr/testify/require"
)

type thing struct {
	Name  string
	Count int32
	Share float64
	On    bool
	At    *Time
	Parts []part
	Limit *int32 `json:",omitempty"`
}

type part struct {
	Value *float64
	Names []string
}

func pointer[T any](v T) *T { return &v }

// What is written in a protocol is what is read in it.
func TestRoundTrip(t *testing.T) {
	for name, p := range map[string]Protocol{"JSON": JSON, "CBOR": CBOR} {
		t.Run(name, func(t *testing.T) {
			type outer struct {
				Things []thing
				N      int32
			}
			in := outer{N: -7, Things: []thing{
				{Name: "a", Count: 3, Share: 0.25, On: true, At: &Time{time.UnixMilli(1760797200123)}, Parts: []part{{pointer(1.5), []string{"x", "y"}}, {}}},
				{Name: "b", Count: -1 << 31, Share: -1e300},
			}}
			text, err := p.encode(&in)
			require.NoError(t, err)
			var out outer
			require.NoError(t, p.decode(text, &out))
			require.Equal(t, in.N, out.N)
			require.Len(t, out.Things, 2)
			require.Equal(t, in.Things[0].At.UnixMilli(), out.Things[0].At.UnixMilli())
			in.Things[0].At, out.Things[0].At = nil, nil
			in.Things[0].Parts[1].Names, out.Things[0].Parts[1].Names = nil, nil
			in.Things[1].Parts, out.Things[1].Parts = nil, nil
			require.Equal(t, in, out)
		})
	}
}

func TestCBORNames(t *testing.T) {
	text, err := CBOR.encode(&struct {
		Tags    map[string]float64 `json:"tags,omitempty"`
		Nothing map[string]float64 `json:"nothing,omitempty"`
		Zero    int32              `json:",omitempty"`
		At      Time
	}{Tags: map[string]float64{"a": 1}, At: Time{time.Unix(5, 0)}})
	require.NoError(t, err)
	tree, err := cbor.Decode(text)
	require.NoError(t, err)
	require.Equal(t, cbor.Map{"tags": cbor.Map{"a": cbor.Float64(1)}, "At": &cbor.Tag{ID: 1, Value: cbor.Float64(5)}}, tree)
}

func TestCBORErrors(t *testing.T) {
	for name, c := range map[string]struct {
		tree cbor.Value
		want string
	}{
		"no map":             {cbor.List{}, "must be a structure, not a List"},
		"a number":           {cbor.Map{"Name": cbor.Uint(1)}, "Name must be a string, not a Uint"},
		"a string":           {cbor.Map{"Count": cbor.String("1")}, "Count must be a 32-bit integer, not a String"},
		"too large":          {cbor.Map{"Count": cbor.Uint(1 << 40)}, "Count must be a 32-bit integer"},
		"a string, again":    {cbor.Map{"Share": cbor.String("1")}, "Share must be a number, not a String"},
		"no bool":            {cbor.Map{"On": cbor.Uint(1)}, "On must be a bool, not a Uint"},
		"a time without tag": {cbor.Map{"At": cbor.Uint(1)}, "At must be a time, not a Uint"},
		"another tag":        {cbor.Map{"At": &cbor.Tag{ID: 0, Value: cbor.String("x")}}, "At must be a time"},
		"inside":             {cbor.Map{"Parts": cbor.List{cbor.Map{}, cbor.Map{"Names": cbor.List{cbor.Uint(1)}}}}, "Parts[1].Names[0] must be a string"},
		"no list":            {cbor.Map{"Parts": cbor.Map{}}, "Parts must be a list, not a Map"},
		"a long list":        {cbor.Map{"Parts": make(cbor.List, maxList+1)}, "Parts has 10001 elements, at most 10000 are taken"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, fromCBOR(c.tree, reflect.ValueOf(&thing{}).Elem(), ""), c.want)
		})
	}
}

func TestTimes(t *testing.T) {
	for _, s := range []string{"1e300", "-1e300", "0", "1760797200.123"} {
		var at Time
		require.NoError(t, at.UnmarshalJSON([]byte(s)))
		require.Less(t, at.Year(), 10000)
	}
	var at Time
	require.Error(t, at.UnmarshalJSON([]byte(`"2026"`)))
	require.NoError(t, at.UnmarshalJSON([]byte(`1760797200.123`)))
	require.Equal(t, int64(1760797200123), at.UnixMilli())
}

type requests []string

func (r *requests) Request(operation string, status int) {
	*r = append(*r, operation+" "+http.StatusText(status))
}

func zipped(t *testing.T, text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func TestServe(t *testing.T) {
	const json, gz = "application/x-amz-json-1.1", "gzip"
	large := strings.Repeat(" ", maxBodyBytes+1)
	for name, c := range map[string]struct {
		method, operation, contentType, encoding, body string
		status                                         int
		want                                           string
	}{
		"an input":          {"POST", "Echo", json, "", `{"Name":"a"}`, 200, `"Name":"a"`},
		"nothing":           {"POST", "Echo", "", "", ``, 200, `"Name":""`},
		"gzip":              {"POST", "Echo", json, gz, zipped(t, `{"Name":"a"}`), 200, `"Name":"a"`},
		"not gzip":          {"POST", "Echo", json, gz, `{"Name":"a"}`, 400, "SerializationException"},
		"gzip, cut off":     {"POST", "Echo", json, gz, zipped(t, `{"Name":"a"}`)[:20], 400, "SerializationException"},
		"another encoding":  {"POST", "Echo", json, "br", `{}`, 415, "UnsupportedMediaTypeException"},
		"too large":         {"POST", "Echo", json, "", large, 413, "RequestEntityTooLargeException"},
		"too large, zipped": {"POST", "Echo", json, gz, zipped(t, large), 413, "RequestEntityTooLargeException"},
		"an error":          {"POST", "Fail", json, "", `{}`, 400, `{"__type":"ThatException","message":"no 7"}`},
		"GET":               {"GET", "Echo", json, "", ``, 405, "UnknownOperationException"},
		"unknown":           {"POST", "Other", json, "", ``, 404, "UnknownOperationException"},
		"a form":            {"POST", "Echo", "text/plain", "", `{}`, 415, "UnsupportedMediaTypeException"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := requests{}
			h := New(&seen, map[string]Operation{
				"Echo": Op(func(in *thing) (*thing, error) { return in, nil }),
				"Fail": Op(func(*thing) (*Empty, error) { return nil, Errorf("ThatException", "no %d", 7) }),
			})
			r := httptest.NewRequest(c.method, "/", strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.contentType)
			r.Header.Set("Content-Encoding", c.encoding)
			w := httptest.NewRecorder()
			h.Serve(w, r, JSON, c.operation)
			require.Equal(t, c.status, w.Code)
			require.Contains(t, w.Body.String(), c.want)
			require.Len(t, seen, 1)
			if c.status != http.StatusOK {
				require.NotEmpty(t, w.Header().Get("X-Amzn-Errortype"))
			}
		})
	}
}

// Whatever comes, there is no panic.
func FuzzCBOR(f *testing.F) {
	text, err := CBOR.encode(&thing{Name: "a", At: &Time{time.Unix(1, 0)}, Parts: []part{{pointer(1.0), []string{"x"}}}})
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte("\xa1\x65Parts\x9f\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var v thing
		if CBOR.decode(body, &v) == nil {
			_, err := CBOR.encode(&v)
			require.NoError(t, err)
		}
	})
}
