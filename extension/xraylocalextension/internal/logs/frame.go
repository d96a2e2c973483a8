package logs

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// CreateGroup adds an empty group.
func (s *Store) CreateGroup(now time.Time, g Group) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups[g.Name] != nil {
		return ErrExists
	}
	g.Created, g.Tags, g.Streams, g.Bytes = now, maps.Clone(g.Tags), 0, 0
	if err := s.grow(groupOverhead + 2*int64(len(g.Name)) + tagCost(g.Tags)); err != nil {
		return err
	}
	if s.groups == nil {
		s.groups = make(map[string]*group)
	}
	s.groups[g.Name] = &group{Group: g, streams: make(map[string]*stream)}
	return nil
}

// grow makes room for n bytes of groups and streams. The caller holds mu.
func (s *Store) grow(n int64) error {
	if s.frame+n > s.MaxBytes/frameShare {
		return ErrFull
	}
	s.frame += n
	s.bytes += n
	s.makeRoom()
	return nil
}

func tagCost(tags map[string]string) int64 {
	n := int64(0)
	for k, v := range tags {
		n += tagOverhead + int64(len(k)+len(v))
	}
	return n
}

// CreateStream adds an empty stream to a group.
func (s *Store) CreateStream(now time.Time, groupName, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[groupName]
	if g == nil {
		return ErrNoGroup
	}
	if g.streams[name] != nil {
		return ErrExists
	}
	if err := s.grow(streamOverhead + 2*int64(len(name))); err != nil {
		return err
	}
	g.streams[name] = &stream{group: g, name: name, created: now}
	g.Streams++
	return nil
}

// SetRetention sets after how many days the events of a group expire.
func (s *Store) SetRetention(groupName string, days int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[groupName]
	if g == nil {
		return ErrNoGroup
	}
	g.RetentionDays = days
	return nil
}

// SetTags gives a group these tags and no others.
func (s *Store) SetTags(groupName string, tags map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[groupName]
	if g == nil {
		return ErrNoGroup
	}
	if err := s.grow(tagCost(tags) - tagCost(g.Tags)); err != nil {
		return err
	}
	g.Tags = maps.Clone(tags)
	return nil
}

// Group returns a group, or ErrNoGroup.
func (s *Store) Group(name string) (Group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[name]
	if g == nil {
		return Group{}, ErrNoGroup
	}
	return g.copy(), nil
}

func (g *group) copy() Group {
	c := g.Group
	c.Tags = maps.Clone(g.Tags)
	return c
}

// Groups returns all groups in order of their names.
func (s *Store) Groups(now time.Time) []Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	out := make([]Group, 0, len(s.groups))
	for _, g := range s.groups {
		out = append(out, g.copy())
	}
	slices.SortFunc(out, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Streams returns the streams of a group in order of their names.
func (s *Store) Streams(now time.Time, groupName string) ([]Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	g := s.groups[groupName]
	if g == nil {
		return nil, ErrNoGroup
	}
	out := make([]Stream, 0, len(g.streams))
	for _, r := range g.streams {
		out = append(out, Stream{r.name, r.created, r.first, r.last, r.arrived, r.events})
	}
	slices.SortFunc(out, func(a, b Stream) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// HasStream reports whether a group has a stream: the error is ErrNoGroup or
// ErrNoStream.
func (s *Store) HasStream(groupName, streamName string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[groupName]
	if g == nil {
		return ErrNoGroup
	}
	if g.streams[streamName] == nil {
		return ErrNoStream
	}
	return nil
}
