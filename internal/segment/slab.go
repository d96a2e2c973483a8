package segment

// maxKept is how many elements of a slab are kept from one document to the next.
const maxKept = 1024

// slab hands out zeroed elements of one type and takes all of them back at once.
type slab[T any] struct {
	chunk []T
	used  int
}

// take returns n elements that lie side by side.
func (s *slab[T]) take(n int) []T {
	if s.used+n > len(s.chunk) {
		// What was handed out stays where it is.
		s.chunk = make([]T, max(n, 2*len(s.chunk), 4))
		s.used = 0
	}
	out := s.chunk[s.used : s.used+n : s.used+n]
	s.used += n
	return out
}

func (s *slab[T]) one() *T { return &s.take(1)[0] }

// copy returns a copy of list.
func (s *slab[T]) copy(list []T) []T {
	out := s.take(len(list))
	copy(out, list)
	return out
}

// reset takes everything back.
func (s *slab[T]) reset() {
	if len(s.chunk) > maxKept {
		s.chunk = nil
	}
	clear(s.chunk[:min(s.used, len(s.chunk))])
	s.used = 0
}
