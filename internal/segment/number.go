package segment

import "strconv"

// maxTime is the first instant that a Time cannot hold with all of its digits:
// 10^10 seconds, in the year 2286.
const maxTime = 10_000_000_000_000_000_000

var pow10 = [20]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// decimal is the number digits·10^exp. Digits past the 19th are not held; the
// first of them is in next.
type decimal struct {
	negative bool
	digits   uint64
	exp      int
	next     byte
	rest     bool // a digit that is not held is not zero
}

// parseDecimal reads a number that follows JSON's grammar.
func parseDecimal(s string) decimal {
	var d decimal
	i, n := 0, 0
	if s[0] == '-' {
		d.negative = true
		i++
	}
	fraction := false
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.':
			fraction = true
			continue
		case c|0x20 == 'e':
			d.exp += parseExponent(s[i+1:])
			return d
		case n < 19:
			d.digits = d.digits*10 + uint64(c-'0')
			if d.digits != 0 {
				n++
			}
			if fraction {
				d.exp--
			}
		default:
			if n == 19 {
				d.next = c - '0'
			}
			n++
			d.rest = d.rest || c != '0'
			if !fraction {
				d.exp++
			}
		}
	}
	return d
}

// parseExponent reads an exponent and holds it within ±1,000,000, which is far
// outside of what any field can use and more digits than a document can have.
func parseExponent(s string) int {
	negative := s[0] == '-'
	if negative || s[0] == '+' {
		s = s[1:]
	}
	e := 0
	for i := range len(s) {
		if e = e*10 + int(s[i]-'0'); e > 1_000_000 {
			e = 1_000_000
		}
	}
	if negative {
		return -e
	}
	return e
}

// parseTime reads a JSON number of seconds, rounded to the nearest nanosecond.
// It refuses what is not in 1 ns … 10^10 s.
func parseTime(s string) (Time, bool) {
	// The common spelling: ten digits of seconds, and up to nine decimals.
	if len(s) >= 10 && len(s) <= 20 {
		if t, ok := parsePlainTime(s); ok {
			return t, true
		}
	}
	d := parseDecimal(s)
	if d.negative || d.digits == 0 {
		return 0, false
	}
	exp := d.exp + 9
	ns := d.digits
	switch {
	case exp > 19:
		return 0, false
	case exp > 0:
		if ns > (maxTime-1)/pow10[exp] {
			return 0, false
		}
		ns *= pow10[exp]
	case exp == 0:
		if d.next >= 5 {
			ns++
		}
	case exp > -20:
		p := pow10[-exp]
		q, r := ns/p, ns%p
		if r >= p-r {
			q++
		}
		ns = q
	default:
		ns = 0
	}
	return Time(ns), ns > 0 && ns < maxTime
}

func parsePlainTime(s string) (Time, bool) {
	var v uint64
	for i := range 10 {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		v = v*10 + uint64(c)
	}
	if len(s) > 10 {
		if s[10] != '.' {
			return 0, false
		}
		for i := 11; i < len(s); i++ {
			c := s[i] - '0'
			if c > 9 {
				return 0, false
			}
			v = v*10 + uint64(c)
		}
		v *= pow10[9-(len(s)-11)]
	} else {
		v *= pow10[9]
	}
	return Time(v), v > 0
}

// appendTime appends t as seconds, with as many decimals as it has.
func appendTime(dst []byte, t Time) []byte {
	dst = strconv.AppendUint(dst, uint64(t)/1e9, 10)
	ns := uint64(t) % 1e9
	if ns == 0 {
		return dst
	}
	var buf [10]byte
	buf[0] = '.'
	for i := 9; i > 0; i-- {
		buf[i] = byte('0' + ns%10)
		ns /= 10
	}
	n := len(buf)
	for buf[n-1] == '0' {
		n--
	}
	return append(dst, buf[:n]...)
}

// parseInteger reads a JSON number that is a whole number of an int64's size,
// however it is spelled: 200, 200.0 and 2e2.
func parseInteger(s string) (int64, bool) {
	if len(s) <= 18 {
		if v, err := strconv.ParseInt(s, 10, 64); err == nil {
			return v, true
		}
	}
	d := parseDecimal(s)
	if d.rest {
		return 0, false
	}
	for d.exp < 0 && d.digits%10 == 0 && d.digits != 0 {
		d.digits /= 10
		d.exp++
	}
	switch {
	case d.digits == 0:
		return 0, true
	case d.exp < 0 || d.exp > 18 || d.digits > (1<<63-1)/pow10[d.exp]:
		return 0, false
	}
	v := int64(d.digits * pow10[d.exp])
	if d.negative {
		v = -v
	}
	return v, true
}

// parseIntegerText reads an integer spelled as strconv would spell it, so that
// writing it again gives the same text.
func parseIntegerText(s string) (int64, bool) {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, false
	}
	var buf [20]byte
	return v, string(strconv.AppendInt(buf[:0], v, 10)) == s
}
