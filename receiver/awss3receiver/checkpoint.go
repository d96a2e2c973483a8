package awss3receiver

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// checkpoint says how far a replay is. It is a file of its own rather than an
// entry of a storage extension: it can be read, and removed to begin anew.
// Without a path it remembers nothing.
type checkpoint struct {
	path    string
	seeking bool     // the position that was read is still ahead
	was     position // that was read

	state
}

// state is what the file holds.
type state struct {
	Version  int      `json:"version"`
	Replay   string   `json:"replay"` // what is replayed, as a hash
	Position position `json:"position"`
	Done     bool     `json:"done"`
}

const checkpointVersion = 1

// position is behind the last thing that was replayed.
type position struct {
	Layout int    `json:"layout"` // of the layouts that are looked for
	Prefix string `json:"prefix"` // of the listing
	Key    string `json:"key"`
	Group  int    `json:"row_group"` // the next one of the object; allGroups if it is done
}

const allGroups = -1

// openCheckpoint reads a checkpoint. It refuses one of another replay.
func openCheckpoint(path, replay string) (*checkpoint, error) {
	c := &checkpoint{path: path, state: state{Version: checkpointVersion, Replay: replay}}
	if path == "" {
		return c, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil || s.Version != checkpointVersion {
		return nil, fmt.Errorf("checkpoint: %s is none of version %d: remove it to replay from the start", path, checkpointVersion)
	}
	if s.Replay != replay {
		return nil, fmt.Errorf("checkpoint: %s is of a replay with other settings (store, names, times, trace_ids or services): remove it or name another file", path)
	}
	c.state, c.was = s, s.Position
	c.seeking = s.Position.Key != ""
	return c, nil
}

// fingerprint names a replay by the settings that say what it replays.
func (c *Config) fingerprint(signal string) string {
	d := c.S3Downloader
	ids, services := slices.Sorted(slices.Values(c.TraceIDs)), slices.Sorted(slices.Values(c.Services))
	text, _ := json.Marshal([]any{ // texts and numbers only: cannot fail
		signal, c.Directory, d.Endpoint, d.S3Bucket, d.S3Prefix, d.S3Partition, d.S3PartitionFormat, d.S3PartitionTimezone,
		d.FilePrefix, c.StartTime, c.EndTime, ids, services,
	})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// reached says whether a listing is at or behind the position that was read.
// It is asked for each listing in order.
func (c *checkpoint) reached(layout int, prefix string) bool {
	if c.seeking && (layout > c.was.Layout || layout == c.was.Layout && prefix == c.was.Prefix) {
		c.seeking = false
	}
	return !c.seeking
}

// resume returns the row group of an object to begin with.
func (c *checkpoint) resume(at position) (group int, done bool) {
	if at.Layout != c.was.Layout || at.Prefix != c.was.Prefix || at.Key > c.was.Key {
		return 0, false
	}
	if at.Key < c.was.Key || c.was.Group == allGroups {
		return 0, true
	}
	return c.was.Group, false
}

// save writes a position.
func (c *checkpoint) save(at position) error {
	c.Position = at
	return c.write()
}

// finish says that there is nothing more to do.
func (c *checkpoint) finish() error {
	c.Done = true
	return c.write()
}

// write replaces the file at once, so that a crash leaves the old or the new one.
func (c *checkpoint) write() error {
	if c.path == "" {
		return nil
	}
	text, _ := json.Marshal(c.state) // texts and numbers only: cannot fail
	file, err := os.CreateTemp(filepath.Dir(c.path), ".checkpoint-*")
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), c.path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
