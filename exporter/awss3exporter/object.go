package awss3exporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// object is what a store takes.
type object struct {
	bucket string
	key    string
	kind   string // content type
	size   int64
	// about says what the object holds, whatever its bytes: two objects under
	// one key are the same if it is equal. S3 keeps it as metadata.
	about map[string]string
	// file is the object's content on disk, or body in memory.
	file string
	body []byte
}

// content is an object's bytes, open for reading.
type content interface {
	io.ReadSeeker
	io.Closer
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

func (o *object) open() (content, error) {
	if o.file == "" {
		return inMemory{bytes.NewReader(o.body)}, nil
	}
	f, err := os.Open(o.file)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// store keeps objects: S3 or a folder.
type store interface {
	// put stores an object unless its key is taken. The outcome is stored or
	// present without an error, else conflict or what the failure was.
	put(ctx context.Context, o *object) (outcome, error)
	describe() string
	close()
}

// outcome is how an attempt to store an object ended.
type outcome string

const (
	stored    outcome = "stored"
	present   outcome = "present"
	conflict  outcome = "conflict"
	throttled outcome = "throttled"
	failed    outcome = "failed"
	denied    outcome = "denied"
	refused   outcome = "refused"
)

// errConflict is the error of a key that another object has.
var errConflict = errors.New("another object has the key")

// compare says whether what a store has under a key is the object.
func (o *object) compare(have map[string]string) (outcome, error) {
	for name, want := range o.about {
		if have[name] != want {
			return conflict, fmt.Errorf("%w %s: its %s is %q, not %q", errConflict, o.key, name, have[name], want)
		}
	}
	return present, nil
}

// aboutOf returns what S3 takes as metadata, which travels in headers: what is
// not ASCII is escaped as in a URL.
func aboutOf(pairs map[string]string) map[string]string {
	about := make(map[string]string, len(pairs))
	for name, value := range pairs {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			value = url.PathEscape(value)
		}
		about["tailwater-"+name] = value
	}
	return about
}

func outcomeOf(k awsclient.Kind) outcome {
	return [...]outcome{
		awsclient.None:      stored,
		awsclient.Throttle:  throttled,
		awsclient.Retryable: failed,
		awsclient.Denied:    denied,
		awsclient.Permanent: refused,
	}[k]
}
