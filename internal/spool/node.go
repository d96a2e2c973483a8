package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/google/uuid"
)

const nodeName = "node.json"

// node is who wrote what is in a directory.
type node struct {
	Format int       `json:"format"`
	Node   uuid.UUID `json:"node"`
	Epoch  uint64    `json:"epoch"` // how often the directory was opened
}

// nextEpoch makes the identity of a new directory, or counts one more opening
// of an old one. Records are numbered anew in each epoch, so an epoch must
// never be used twice: it is on disk before the first record.
func (s *Spool) nextEpoch() error {
	name := filepath.Join(s.dir, nodeName)
	text, err := readFile(s.fs, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if s.node.Node, err = uuid.NewRandom(); err != nil {
			return fmt.Errorf("make an identity for %s: %w", s.dir, err)
		}
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(text, &s.node); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if s.node.Format > Version || s.node.Node == uuid.Nil {
			return fmt.Errorf("read %s: format %d with node %s; this program reads format %d", name, s.node.Format, s.node.Node, Version)
		}
	}
	s.node.Format = Version
	s.node.Epoch++
	text, err = json.Marshal(s.node)
	if err != nil {
		return err
	}
	return s.writeAtomic(nodeName, text)
}

// writeAtomic replaces a file in the directory: after a crash it is the old
// one or the new one, whole.
func (s *Spool) writeAtomic(name string, text []byte) error {
	temporary := filepath.Join(s.dir, tmpDir, name)
	_ = s.fs.Remove(temporary) // left by an attempt that failed
	f, err := s.fs.Create(temporary)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = s.fs.Rename(temporary, filepath.Join(s.dir, name))
	}
	if err == nil {
		err = s.fs.SyncDir(s.dir)
	}
	return err
}

func readFile(fs FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, f); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
