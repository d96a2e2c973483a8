package awss3exporter

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/itchyny/timefmt-go"
)

// partitions makes the part of a key that says when.
type partitions struct {
	format   string // strftime
	location *time.Location
}

// partitions reads the two keys. Its error names the key.
func (u *S3UploaderConfig) partitions() (*partitions, error) {
	location := time.UTC
	if name := u.S3PartitionTimezone; name != "" {
		var err error
		if location, err = time.LoadLocation(name); err != nil {
			return nil, fmt.Errorf("s3_partition_timezone: %w", err)
		}
	}
	p := &partitions{format: u.S3PartitionFormat, location: location}
	example := p.of(time.Unix(1_700_000_000, 0))
	if strings.Contains(u.S3PartitionFormat, "%!") || strings.Contains(example, "%!") {
		return nil, fmt.Errorf("s3_partition_format: %q: %q is no time", u.S3PartitionFormat, example)
	}
	for _, part := range strings.Split(example, "/") {
		if part == ".." {
			return nil, fmt.Errorf("s3_partition_format: %q leaves the prefix", u.S3PartitionFormat)
		}
	}
	return p, nil
}

// of returns the partition of a time.
func (p *partitions) of(t time.Time) string { return timefmt.Format(t.In(p.location), p.format) }

// end returns when the partition of a time ends. A format without a time has
// no end: then it returns a year later.
func (p *partitions) end(t time.Time) time.Time {
	t = t.In(p.location)
	here := p.of(t)
	year, month, day := t.Date()
	for _, end := range []time.Time{
		t.Truncate(time.Second).Add(time.Second),
		t.Truncate(time.Minute).Add(time.Minute),
		t.Truncate(time.Hour).Add(time.Hour), // in UTC; where a zone is off by half an hour, twice as often as needed
		time.Date(year, month, day+1, 0, 0, 0, 0, p.location),
		time.Date(year, month+1, 1, 0, 0, 0, 0, p.location),
	} {
		if p.of(end) != here {
			return end
		}
	}
	return time.Date(year+1, 1, 1, 0, 0, 0, 0, p.location)
}

// tellSeconds says whether a minute has more than one partition.
func (p *partitions) tellSeconds() bool { return p.of(time.Unix(0, 0)) != p.of(time.Unix(59, 0)) }

// cached returns a function like of that formats a minute once, for spans by
// the million.
func (p *partitions) cached() func(time.Time) string {
	const most = 4096
	memory := map[int64]string{}
	if p.tellSeconds() {
		return p.of
	}
	return func(t time.Time) string {
		minute := t.Unix() / 60
		if t.Unix()%60 < 0 {
			minute--
		}
		text, ok := memory[minute]
		if !ok {
			if len(memory) >= most {
				clear(memory)
			}
			text = p.of(time.Unix(minute*60, 0))
			memory[minute] = text
		}
		return text
	}
}

// key returns the name of an object. prefix replaces s3_prefix if it is not empty.
func (u *S3UploaderConfig) key(prefix, partition, name string) string {
	if prefix == "" {
		prefix = u.S3Prefix
	}
	return path.Join(u.S3BasePrefix, prefix, partition, u.FilePrefix+name)
}

// bucket returns the configured bucket. A folder has none; but one that an
// attribute names is a folder in it.
func (u *S3UploaderConfig) bucket() string {
	if u.Directory != "" {
		return ""
	}
	return u.S3Bucket
}
