package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Output is a file that a segment was built into, and where it goes.
type Output struct {
	// File is its name in ready, made by Segment.Name.
	File string `json:"file"`
	// Bucket and Key are where it goes. They are fixed once the manifest is on
	// disk: a change of configuration does not move what may be uploaded already.
	Bucket string `json:"bucket,omitempty"`
	Key    string `json:"key"`
	// Segment, Partition, Rows and Digest say what the file holds, whatever
	// its bytes are; they tell one object from another under the same key.
	Segment   string `json:"segment"`
	Partition string `json:"partition"`
	Rows      int64  `json:"rows"`
	Digest    string `json:"digest"`
	Bytes     int64  `json:"bytes"`
	// Done says that the object is where it belongs, or the file in quarantine.
	Done        bool `json:"done"`
	Quarantined bool `json:"quarantined,omitempty"`
}

// manifest is what a segment was built into.
type manifest struct {
	Format  int      `json:"format"`
	Segment string   `json:"segment"`
	Outputs []Output `json:"outputs"`
	// Damaged says that records could not be read: the log goes to quarantine.
	Damaged bool `json:"damaged,omitempty"`
}

func (m *manifest) done() bool {
	for i := range m.Outputs {
		if !m.Outputs[i].Done {
			return false
		}
	}
	return true
}

// loadManifest returns nil if the segment has none.
func (s *Spool) loadManifest(g *Segment) (*manifest, error) {
	name := filepath.Join(s.dir, g.manifestName())
	text, err := readFile(s.fs, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if m.Format > Version || m.Segment != g.ID() {
		return nil, fmt.Errorf("read %s: format %d for segment %q; this program reads format %d, and the segment is %s", name, m.Format, m.Segment, Version, g.ID())
	}
	return &m, nil
}

func (s *Spool) storeManifest(g *Segment, m *manifest) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.writeAtomic(g.manifestName(), text)
}

// recoverManifests removes what an unfinished deletion left, and files that no
// manifest lists: they are built again.
func (s *Spool) recoverManifests(entries []os.DirEntry) error {
	logs := map[string]*Segment{}
	for _, g := range s.sealed {
		logs[g.manifestName()] = g
	}
	keep := map[string]bool{}
	for _, entry := range entries {
		if _, ok := parseName(entry.Name(), manifestSuffix, 3); !ok {
			continue
		}
		g := logs[entry.Name()]
		if g == nil { // the log is deleted first
			if err := s.fs.Remove(filepath.Join(s.dir, entry.Name())); err != nil {
				return err
			}
			continue
		}
		m, err := s.loadManifest(g)
		if err != nil {
			return err
		}
		for _, o := range m.Outputs {
			keep[o.File] = true
		}
	}
	return s.empty(readyDir, keep)
}
