package segment

// object is one JSON object while it is read.
type object struct {
	key     string // of the current member
	unknown int    // where its unknown members start in Decoder.unknown
	odd     int    // where its known members without a field start in Decoder.odd
	inside  bool   // a member was read
}

// open enters an object, which must start here.
func (d *Decoder) open() object {
	d.pos++
	return object{unknown: len(d.unknown), odd: len(d.odd)}
}

// next moves to the value of the next member. At the end of the object it moves
// past it and returns false.
func (d *Decoder) next(o *object) bool {
	c := d.peek()
	if c == '}' {
		d.pos++
		return false
	}
	if o.inside {
		if c != ',' {
			d.syntax("',' or '}'")
			return false
		}
		d.pos++
		c = d.peek()
	}
	if c != '"' {
		d.syntax("the name of a member")
		return false
	}
	o.inside = true
	o.key = d.text()
	if d.peek() != ':' {
		d.syntax("':'")
		return false
	}
	d.pos++
	return d.err == nil
}

// close returns the members of o that have no field.
func (d *Decoder) close(o *object) []Member {
	unknown := d.unknown[o.unknown:]
	if len(unknown) > 1 {
		unknown = d.lastOfEach(unknown)
	}
	odd := d.odd[o.odd:]
	if len(unknown)+len(odd) == 0 {
		return nil
	}
	out := d.mem.members.take(len(unknown) + len(odd))
	copy(out[copy(out, unknown):], odd)
	d.unknown = truncated(d.unknown, o.unknown)
	d.odd = truncated(d.odd, o.odd)
	return out
}

// truncated shortens list to n elements and forgets the others.
func truncated[T any](list []T, n int) []T {
	clear(list[n:])
	return list[:n]
}

// lastOfEach removes, in place, members that have the name of a later one.
func (d *Decoder) lastOfEach(list []Member) []Member {
	const few = 12
	n := 0
	if len(list) <= few {
	search:
		for i := range list {
			for j := i + 1; j < len(list); j++ {
				if list[i].Name == list[j].Name {
					continue search
				}
			}
			list[n] = list[i]
			n++
		}
		return list[:n]
	}
	if d.seen == nil {
		d.seen = make(map[string]int, len(list))
	}
	for i := range list {
		d.seen[list[i].Name] = i
	}
	for i := range list {
		if d.seen[list[i].Name] == i {
			list[n] = list[i]
			n++
		}
	}
	if len(d.seen) > maxKept {
		d.seen = nil
	} else {
		clear(d.seen)
	}
	return list[:n]
}

// keep keeps an unknown member.
func (d *Decoder) keep(o *object) {
	if v := d.raw(); d.err == nil {
		d.unknown = append(d.unknown, Member{o.key, v})
	}
}

// keepOdd keeps a known member that its field cannot hold. The caller has set
// the field to absent.
func (d *Decoder) keepOdd(o *object) {
	v := d.raw()
	if d.err != nil {
		return
	}
	for i := o.odd; i < len(d.odd); i++ {
		if d.odd[i].Name == o.key {
			d.odd[i].Value = v
			return
		}
	}
	d.odd = append(d.odd, Member{o.key, v})
}

// held notes that the field of the current member holds its value.
func (d *Decoder) held(o *object) {
	if len(d.odd) > o.odd {
		d.dropOdd(o)
	}
}

func (d *Decoder) dropOdd(o *object) {
	for i := o.odd; i < len(d.odd); i++ {
		if d.odd[i].Name == o.key {
			last := len(d.odd) - 1
			d.odd[i] = d.odd[last]
			d.odd = truncated(d.odd, last)
			return
		}
	}
}

// The readers of values. Each moves past the value of the current member and
// sets the field, or keeps the value as an odd one.

func (d *Decoder) str(o *object, field *string) {
	start := d.pos
	if d.peek() == '"' {
		if v := d.text(); v != "" {
			*field = v
			d.held(o)
			return
		}
	}
	*field = ""
	d.again(o, start)
}

// again goes back to the start of a value that turned out to be odd.
func (d *Decoder) again(o *object, start int) {
	if d.err == nil {
		d.pos = start
		d.keepOdd(o)
	}
}

func (d *Decoder) flag(o *object, field *Bool) {
	switch d.peek() {
	case 't':
		if d.literal("true") {
			*field = True
			d.held(o)
		}
	case 'f':
		if d.literal("false") {
			*field = False
			d.held(o)
		}
	default:
		*field = Absent
		d.keepOdd(o)
	}
}

func (d *Decoder) integer(o *object, field *Int) {
	start := d.pos
	switch {
	case d.isNumber():
		if v, ok := parseInteger(d.numberOrZero()); ok {
			*field = Int{v, NumberInt}
			d.held(o)
			return
		}
	case d.peek() == '"':
		if v, ok := parseIntegerText(d.text()); ok {
			*field = Int{v, StringInt}
			d.held(o)
			return
		}
	}
	*field = Int{}
	d.again(o, start)
}

// numberOrZero reads a number, which must start here.
func (d *Decoder) numberOrZero() string {
	if v := d.number(); d.err == nil {
		return v
	}
	return "0"
}

func (d *Decoder) time(o *object, field *Time) {
	start := d.pos
	if d.isNumber() {
		if v, ok := parseTime(d.numberOrZero()); ok {
			*field = v
			d.held(o)
			return
		}
	}
	*field = 0
	d.again(o, start)
}

func (d *Decoder) id(o *object, field *ID) {
	start := d.pos
	if d.peek() == '"' {
		if v, ok := ParseID(d.text()); ok {
			*field = v
			d.held(o)
			return
		}
	}
	*field = ID{}
	d.again(o, start)
}

func (d *Decoder) traceID(o *object, field *TraceID) {
	start := d.pos
	if d.peek() == '"' {
		if v, ok := ParseTraceID(d.text()); ok {
			*field = v
			d.held(o)
			return
		}
	}
	*field = TraceID{}
	d.again(o, start)
}

// members reads an object of members of any kind.
func (d *Decoder) members(o *object, field *[]Member) {
	if !d.isObject() {
		*field = nil
		d.keepOdd(o)
		return
	}
	all := d.open()
	for d.next(&all) {
		d.keep(&all)
	}
	*field = d.close(&all)
	d.held(o)
}

// block reads an object that has a type of its own.
func block[T any](d *Decoder, o *object, field **T, from *slab[T], read func(*Decoder, *T)) {
	*field = nil
	if !d.isObject() {
		d.keepOdd(o)
		return
	}
	v := from.one()
	read(d, v)
	*field = v
	d.held(o)
}

// list reads an array. When an element is not what read expects, the array is
// an odd value as a whole.
func list[T any](d *Decoder, o *object, field *[]T, growing *[]T, from *slab[T], read func(*Decoder, *T) bool) {
	*field = nil
	if !d.isArray() {
		d.keepOdd(o)
		return
	}
	start, base := d.pos, len(*growing)
	d.pos++
	for d.err == nil {
		var zero T
		*growing = append(*growing, zero)
		if !read(d, &(*growing)[len(*growing)-1]) {
			*growing = truncated(*growing, base)
			d.again(o, start)
			return
		}
		if d.peek() == ']' {
			d.pos++
			*field = from.copy((*growing)[base:])
			*growing = truncated(*growing, base)
			d.held(o)
			return
		}
		if d.peek() != ',' {
			d.syntax("',' or ']'")
			return
		}
		d.pos++
	}
}

func (d *Decoder) textElement(v *string) bool {
	if d.peek() != '"' {
		return false
	}
	*v = d.text()
	return true
}

func (d *Decoder) idElement(v *ID) (ok bool) {
	if d.peek() != '"' {
		return false
	}
	*v, ok = ParseID(d.text())
	return ok
}
