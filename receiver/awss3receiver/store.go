package awss3receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// object is one that a store lists.
type object struct {
	key  string
	size int64
	etag string // "" if the store has none
}

// store is where objects are.
type store interface {
	// list returns the objects whose key begins with prefix, in order of keys.
	list(ctx context.Context, prefix string) iter.Seq2[object, error]
	// open returns the content of an object.
	open(ctx context.Context, o object) (content, error)
	describe() string
}

// content is that of an object.
type content interface {
	io.ReaderAt
	io.Closer
	// bytes returns how many were read.
	bytes() int64
}

// Errors of a store that concern one object.
var (
	// errChanged: it is gone, or another one than was listed.
	errChanged = errors.New("the object was deleted or replaced while it was read")
	// errDenied: the credentials do not allow to read it.
	errDenied = errors.New("reading the object is not allowed")
	// errStore is wrapped by all other errors of a store.
	errStore = errors.New("the store has trouble")
)

// folder is a store of files, keyed by their path below it.
type folder struct{ root string }

func (f *folder) describe() string { return "folder " + f.root }

func (f *folder) list(ctx context.Context, prefix string) iter.Seq2[object, error] {
	return func(yield func(object, error) bool) {
		var found []object
		under := filepath.Join(f.root, filepath.FromSlash(path.Dir(prefix+"x")))
		err := filepath.WalkDir(under, func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					return nil // no such partition, or gone since
				}
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			relative, err := filepath.Rel(f.root, name)
			if err != nil {
				return err
			}
			key := filepath.ToSlash(relative)
			if entry.IsDir() {
				if name != under && hidden(entry.Name()) {
					return fs.SkipDir
				}
				return nil
			}
			info, err := entry.Info()
			if err != nil || !info.Mode().IsRegular() || !strings.HasPrefix(key, prefix) {
				return nil
			}
			found = append(found, object{key: key, size: info.Size()})
			return nil
		})
		if err != nil {
			yield(object{}, err)
			return
		}
		slices.SortFunc(found, func(a, b object) int { return strings.Compare(a.key, b.key) })
		for _, o := range found {
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (f *folder) open(_ context.Context, o object) (content, error) {
	file, err := os.Open(filepath.Join(f.root, filepath.FromSlash(o.key)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errChanged
	case errors.Is(err, fs.ErrPermission):
		return nil, errDenied
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errStore, err)
	}
	return &fileContent{File: file}, nil
}

type fileContent struct {
	*os.File
	read int64
}

func (c *fileContent) ReadAt(b []byte, offset int64) (int, error) {
	n, err := c.File.ReadAt(b, offset)
	c.read += int64(n)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", errStore, err)
	}
	return n, err
}

func (c *fileContent) bytes() int64 { return c.read }

// hidden says whether a name is one that readers of archives leave out.
func hidden(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}
