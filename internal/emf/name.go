package emf

import (
	"fmt"
	"hash/fnv"
	"strings"
)

const hexDigits = "0123456789ABCDEF"

// DimensionName makes a legal name of a dimension: printable ASCII that does
// not begin with a colon, at most MaxDimensionName bytes. Other bytes are
// percent-encoded; a name that is too long ends in a hash of all of it. It
// returns legal names as they are. No name at all becomes "_".
func DimensionName(name string) string {
	if strings.TrimSpace(name) == "" {
		return "_" + encode(name, MaxDimensionName-1, 0)
	}
	switch name[0] {
	case ':':
		return encode(name, MaxDimensionName, 1)
	case '_':
		if name == "_aws" { // the metadata's own name
			return encode(name, MaxDimensionName, 1)
		}
	}
	return encode(name, MaxDimensionName, 0)
}

// DimensionValue makes a legal value of a dimension, in the same way. A blank
// value has no legal form: no series can have it, so a dimension set with it
// does not apply. It returns "" then.
func DimensionValue(value string) string {
	if strings.TrimSpace(value) == "" {
		return ""
	}
	return encode(value, MaxDimensionValue, 0)
}

// MetricName makes a legal name of a metric, in the same way.
func MetricName(name string) string {
	switch {
	case name == "_aws":
		return encode(name, MaxMetricName, 1)
	case strings.TrimSpace(name) == "":
		return "_" + encode(name, MaxMetricName-1, 0)
	}
	return encode(name, MaxMetricName, 0)
}

// encode percent-encodes the first n bytes, and every byte that is not
// printable ASCII. If there is such a byte, percent signs are encoded as well,
// so that the original can be read back.
func encode(s string, most, n int) string {
	plain := n == 0
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= ' ' && s[i] <= '~'
	}
	if plain && len(s) <= most {
		return s
	}
	if plain {
		return s[:most-17] + "~" + hash(s)
	}
	var b strings.Builder
	cut := 0 // where the text may be cut without cutting an escape, with room for the hash
	for i := 0; i < len(s) && b.Len() <= most; i++ {
		if c := s[i]; i >= n && c >= ' ' && c <= '~' && c != '%' {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
		if b.Len() <= most-17 {
			cut = b.Len()
		}
	}
	if b.Len() <= most {
		return b.String()
	}
	return b.String()[:cut] + "~" + hash(s)
}

// hash keeps two long texts with the same beginning apart.
func hash(s string) string {
	h := fnv.New64a()
	h.Write([]byte(s))
	return fmt.Sprintf("%016x", h.Sum64())
}

// Namespace makes a legal namespace: what CloudWatch does not take becomes "_".
func Namespace(name string) string {
	if strings.TrimSpace(name) == "" {
		return "default"
	}
	return replace(name, MaxNamespace, func(c byte) bool {
		return alphanumeric(c) || strings.IndexByte(" ._#:/-", c) >= 0
	})
}

// LogGroup makes a legal name of a log group. Names that begin with "aws/" are
// reserved; they get a slash in front, as AWS's own groups have.
func LogGroup(name string) string {
	if strings.HasPrefix(name, "aws/") {
		name = "/" + name
	}
	return replace(name, MaxLogName, func(c byte) bool {
		return alphanumeric(c) || strings.IndexByte("_-/.#", c) >= 0
	})
}

// LogStream makes a legal name of a log stream.
func LogStream(name string) string {
	return replace(name, MaxLogName, func(c byte) bool {
		return c >= ' ' && c <= '~' && c != ':' && c != '*'
	})
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func replace(s string, most int, legal func(byte) bool) string {
	ok := s != "" && len(s) <= most
	for i := 0; i < len(s) && ok; i++ {
		ok = legal(s[i])
	}
	if ok {
		return s
	}
	if s == "" {
		return "_"
	}
	out := []byte(s[:min(len(s), most)])
	for i, c := range out {
		if !legal(c) {
			out[i] = '_'
		}
	}
	return string(out)
}
