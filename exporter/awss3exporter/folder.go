package awss3exporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tailwater-otel/tailwater/internal/spool"
)

// folder keeps objects as files. A file appears whole or not at all, and is on
// disk when put returns. Files are readable by all, as what reads them runs as
// another user.
type folder struct{ root string }

func (f *folder) describe() string { return "the folder " + f.root }
func (f *folder) close()           {}

func (f *folder) put(_ context.Context, o *object) (outcome, error) {
	name := filepath.FromSlash(o.key)
	if !filepath.IsLocal(name) {
		return refused, &spool.Unacceptable{Err: fmt.Errorf("key %q leaves the folder", o.key)}
	}
	if o.bucket != "" && !filepath.IsLocal(o.bucket) {
		return refused, &spool.Unacceptable{Err: fmt.Errorf("bucket %q leaves the folder", o.bucket)}
	}
	path := filepath.Join(f.root, o.bucket, name)
	dir := filepath.Dir(path)
	if err := makeDirs(dir); err != nil {
		return failed, err
	}
	// The temporary name is made of the final one, so that a process that was
	// killed leaves one such file at most, which the next attempt replaces.
	temporary := filepath.Join(dir, "."+filepath.Base(path)+".partial")
	if err := copyTo(temporary, o); err != nil {
		return failed, err
	}
	defer os.Remove(temporary)
	// Unlike a rename, a link takes the name only if it is free.
	err := os.Link(temporary, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		if _, statErr := os.Lstat(path); errors.Is(statErr, fs.ErrNotExist) {
			err = os.Rename(temporary, path) // the file system has no links
		}
	}
	how := stored
	if errors.Is(err, fs.ErrExist) {
		how, err = f.compare(path, o)
	}
	if err == nil {
		err = spool.OS{}.SyncDir(dir)
	}
	if err != nil && how != conflict {
		how = failed
	}
	return how, err
}

// compare says whether a file that is there already is the object.
func (f *folder) compare(path string, o *object) (outcome, error) {
	a, err := os.Open(path)
	if err != nil {
		return failed, err
	}
	defer a.Close()
	b, err := o.open()
	if err != nil {
		return failed, err
	}
	defer b.Close()
	same, err := sameContent(a, b)
	switch {
	case err != nil:
		return failed, err
	case !same:
		return conflict, fmt.Errorf("%w %s", errConflict, path)
	}
	return present, nil
}

func sameContent(a, b io.Reader) (bool, error) {
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(a, x)
		m, other := io.ReadFull(b, y)
		if n != m || string(x[:n]) != string(y[:m]) {
			return false, nil
		}
		ended := err == io.EOF || err == io.ErrUnexpectedEOF
		otherEnded := other == io.EOF || other == io.ErrUnexpectedEOF
		switch {
		case err != nil && !ended:
			return false, err
		case other != nil && !otherEnded:
			return false, other
		case ended || otherEnded:
			return ended == otherEnded, nil
		}
	}
}

// makeDirs makes a directory and its parents, durably.
func makeDirs(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDirs(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return spool.OS{}.SyncDir(parent)
}

func copyTo(path string, o *object) error {
	from, err := o.open()
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err == nil {
		err = to.Sync()
	}
	if closed := to.Close(); err == nil {
		err = closed
	}
	return err
}
