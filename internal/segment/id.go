package segment

const lowerHex = "0123456789abcdef"

// noHex marks a byte that is no hex digit in hexValue.
const noHex = 0xff

var hexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = noHex
	}
	for i := range byte(10) {
		t['0'+i] = i
	}
	for i := range byte(6) {
		t['a'+i] = 10 + i
		t['A'+i] = 10 + i
	}
	return t
}()

// unhex fills dst from the hex digits of s, which has twice its length.
func unhex(dst []byte, s string) bool {
	var bad byte
	for i := range dst {
		hi, lo := hexValue[s[2*i]], hexValue[s[2*i+1]]
		bad |= hi | lo
		dst[i] = hi<<4 | lo&0xf
	}
	return bad < 16 // noHex has bits that no digit has
}

func appendHex(dst, id []byte) []byte {
	for _, b := range id {
		dst = append(dst, lowerHex[b>>4], lowerHex[b&0xf])
	}
	return dst
}

// ParseID parses 16 hex digits of either case. It refuses the id of zeros.
func ParseID(s string) (ID, bool) {
	var id ID
	if len(s) != 2*len(id) || !unhex(id[:], s) {
		return ID{}, false
	}
	return id, id != ID{}
}

// Append appends the 16 lower-case hex digits of id.
func (id ID) Append(dst []byte) []byte { return appendHex(dst, id[:]) }

// String returns the 16 lower-case hex digits of id.
func (id ID) String() string {
	var buf [16]byte
	return string(id.Append(buf[:0]))
}

// ParseTraceID parses X-Ray's form, "1-", 8 hex digits, "-", 24 hex digits, or
// the 32 hex digits of W3C trace context, in either case. It refuses the id of
// zeros.
func ParseTraceID(s string) (TraceID, bool) {
	var id TraceID
	switch len(s) {
	case 35:
		if s[0] != '1' || s[1] != '-' || s[10] != '-' || !unhex(id[:4], s[2:10]) || !unhex(id[4:], s[11:]) {
			return TraceID{}, false
		}
	case 32:
		if !unhex(id[:], s) {
			return TraceID{}, false
		}
	default:
		return TraceID{}, false
	}
	return id, id != TraceID{}
}

// Append appends id in X-Ray's form.
func (id TraceID) Append(dst []byte) []byte {
	dst = append(dst, '1', '-')
	dst = appendHex(dst, id[:4])
	dst = append(dst, '-')
	return appendHex(dst, id[4:])
}

// String returns id in X-Ray's form.
func (id TraceID) String() string {
	var buf [35]byte
	return string(id.Append(buf[:0]))
}
