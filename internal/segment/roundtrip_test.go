package segment_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

func TestExamplesComeBackAsTheyCame(t *testing.T) {
	files, err := filepath.Glob("testdata/segments/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			doc, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			checkRoundTrip(t, &segment.Decoder{}, doc)
		})
	}
}

func TestGeneratedDocumentsComeBackAsTheyCame(t *testing.T) {
	documents := 10_000
	if testing.Short() || race {
		documents = 1_000
	}
	var d segment.Decoder
	for seed := range uint64(documents) {
		doc := segmenttest.Generate(rand.New(rand.NewPCG(seed, 0)))
		if !checkRoundTrip(t, &d, doc) {
			t.Fatalf("seed %d: %s", seed, doc)
		}
	}
}

func checkRoundTrip(t *testing.T, d *segment.Decoder, doc []byte) bool {
	t.Helper()
	s, err := d.Decode(string(doc))
	if err != nil {
		t.Errorf("decode: %v", err)
		return false
	}
	out := s.AppendJSON(nil)
	if diff := segmenttest.Equal(doc, out); diff != "" {
		t.Errorf("%s\nwrote %s", diff, out)
		return false
	}
	for _, c := range out {
		if c < ' ' {
			t.Errorf("control character %q in %s", c, out)
			return false
		}
	}
	return true
}

func BenchmarkDecode(b *testing.B) {
	for _, f := range fixtures {
		b.Run(f.name, func(b *testing.B) {
			doc := string(f.doc)
			var d segment.Decoder
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Decode(doc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a decoder without knowledge of the document costs.
func BenchmarkDecodeByEncodingJSON(b *testing.B) {
	for _, f := range fixtures {
		b.Run(f.name, func(b *testing.B) {
			b.SetBytes(int64(len(f.doc)))
			b.ReportAllocs()
			for b.Loop() {
				var v map[string]any
				if err := json.Unmarshal(f.doc, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	for _, f := range fixtures {
		b.Run(f.name, func(b *testing.B) {
			s, err := segment.Decode(string(f.doc))
			if err != nil {
				b.Fatal(err)
			}
			var buf []byte
			b.SetBytes(int64(len(f.doc)))
			b.ReportAllocs()
			for b.Loop() {
				buf = s.AppendJSON(buf[:0])
			}
		})
	}
}

func BenchmarkSplit(b *testing.B) {
	for _, f := range fixtures {
		b.Run(f.name, func(b *testing.B) {
			s, err := segment.Decode(string(f.doc))
			if err != nil {
				b.Fatal(err)
			}
			var parts []segment.Part
			b.SetBytes(int64(len(f.doc)))
			b.ReportAllocs()
			for b.Loop() {
				parts, _ = s.Split(parts[:0], segment.MaxDocumentBytes)
			}
		})
	}
}

func BenchmarkAppendJSONString(b *testing.B) {
	for _, f := range fixtures {
		b.Run(f.name, func(b *testing.B) {
			var buf []byte
			b.SetBytes(int64(len(f.doc)))
			b.ReportAllocs()
			for b.Loop() {
				buf = segment.AppendJSONString(buf[:0], f.doc)
			}
		})
	}
}

var fixtures = []struct {
	name string
	doc  []byte
}{
	{"small", segmenttest.Small()},
	{"mid", segmenttest.Mid()},
	{"large", segmenttest.Large()},
}
