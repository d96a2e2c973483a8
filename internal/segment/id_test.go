package segment_test

import (
	"testing"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

func TestParseID(t *testing.T) {
	for in, want := range map[string]string{
		"9b1d4e7f2a3c5a0a":  "9b1d4e7f2a3c5a0a",
		"9B1D4E7F2A3C5A0A":  "9b1d4e7f2a3c5a0a",
		"0000000000000001":  "0000000000000001",
		"0000000000000000":  "",
		"9b1d4e7f2a3c5a0":   "",
		"9b1d4e7f2a3c5a0ab": "",
		"9b1d4e7f2a3c5a0g":  "",
		"gb1d4e7f2a3c5a0a":  "",
		"+b1d4e7f2a3c5a0a":  "",
		"":                  "",
		"éééééééé":          "",
	} {
		id, ok := segment.ParseID(in)
		if ok != (want != "") || ok && id.String() != want {
			t.Errorf("%q: %v %t", in, id, ok)
		}
	}
}

func TestParseTraceID(t *testing.T) {
	const id = "1-68f3a1c0-5b2e4d9c81f07a36c4de1b20"
	for in, want := range map[string]string{
		id:                                     id,
		"1-68F3A1C0-5B2E4D9C81F07A36C4DE1B20":  id,
		"68f3a1c05b2e4d9c81f07a36c4de1b20":     id,
		"68F3A1C05B2E4D9C81F07A36C4DE1B20":     id,
		"2-68f3a1c0-5b2e4d9c81f07a36c4de1b20":  "",
		"1-68f3a1c05-b2e4d9c81f07a36c4de1b20":  "",
		"1_68f3a1c0-5b2e4d9c81f07a36c4de1b20":  "",
		"1-68f3a1c0-5b2e4d9c81f07a36c4de1bZZ":  "",
		"1-68f3a1c0-5b2e4d9c81f07a36c4de1b200": "",
		"1-00000000-000000000000000000000000":  "",
		"00000000000000000000000000000000":     "",
		"":                                     "",
	} {
		got, ok := segment.ParseTraceID(in)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%q: %v %t", in, got, ok)
		}
	}
}
