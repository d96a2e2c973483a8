package awss3receiver

import (
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/itchyny/timefmt-go"
)

const (
	archiveFormat = "dt=%Y-%m-%d/hour=%H"
	hourFormat    = "year=%Y/month=%m/day=%d/hour=%H"
	minuteFormat  = hourFormat + "/minute=%M"
)

// layout is a way to put times into keys.
type layout struct {
	prefix   string
	format   string // strftime
	location *time.Location
	step     time.Duration // how often the partition changes, at most
}

// layouts returns the ways to look for objects. Its error names the key.
func (d *S3DownloaderConfig) layouts() ([]layout, error) {
	location, err := time.LoadLocation(d.S3PartitionTimezone)
	if err != nil {
		return nil, fmt.Errorf("s3downloader::s3_partition_timezone: %w", err)
	}
	if d.S3Partition != "" && d.S3PartitionFormat != "" {
		return nil, fmt.Errorf("s3downloader: set s3_partition or s3_partition_format, not both")
	}
	var list []layout
	add := func(format string, location *time.Location) {
		list = append(list, layout{prefix: strings.Trim(d.S3Prefix, "/"), format: format, location: location})
	}
	switch {
	case d.S3PartitionFormat != "":
		add(d.S3PartitionFormat, location)
	case d.S3Partition == "minute":
		add(minuteFormat, location)
	case d.S3Partition == "hour":
		add(hourFormat, location)
	case d.S3Partition == "":
		add(archiveFormat, time.UTC)
		add(minuteFormat, location)
	default:
		return nil, fmt.Errorf("s3downloader::s3_partition is %q; it must be minute or hour", d.S3Partition)
	}
	for i := range list {
		l := &list[i]
		sample := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		text := l.of(sample)
		if strings.Contains(text, "%!") || text == "" && l.format != "" {
			return nil, fmt.Errorf("s3downloader::s3_partition_format: %q is no format of strftime: %s", l.format, text)
		}
		if text != l.of(sample.Add(time.Second)) {
			return nil, fmt.Errorf("s3downloader::s3_partition_format: %q has a partition each second; the finest that can be gone through is a minute", l.format)
		}
		l.step = 24 * time.Hour
		for _, step := range []time.Duration{time.Minute, time.Hour} {
			if text != l.of(sample.Add(step)) {
				l.step = step
				break
			}
		}
	}
	return list, nil
}

func (l *layout) of(t time.Time) string { return timefmt.Format(t.In(l.location), l.format) }

// listing is what to list at once: the keys that begin with one of wanted,
// which all begin with prefix.
type listing struct {
	prefix string
	wanted []string
}

func (g *listing) wants(key string) bool {
	for _, prefix := range g.wanted {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// listings returns the partitions of a time, in its order. The minutes of an
// hour are one listing: contrib's layout takes one request an hour then, not
// sixty.
func (l *layout) listings(start, end time.Time) iter.Seq[listing] {
	return func(yield func(listing) bool) {
		last := listing{}
		// Time zones are off by quarters of an hour; a day of a zone begins at
		// another time than one of UTC. An hour is the largest step that hits
		// all partitions.
		for hour := start.Truncate(time.Hour); hour.Before(end); hour = hour.Add(time.Hour) {
			next := listing{}
			step := min(l.step, 15*time.Minute)
			for t := hour; t.Before(hour.Add(time.Hour)); t = t.Add(step) {
				if !t.Before(end) || !t.Add(step).After(start) {
					continue
				}
				folder := path.Join(l.prefix, l.of(t))
				if folder != "" {
					folder += "/"
				}
				if n := len(next.wanted); n == 0 || next.wanted[n-1] != folder {
					next.wanted = append(next.wanted, folder)
				}
			}
			next.prefix = common(next.wanted)
			if equal(next, last) {
				continue
			}
			last = next
			if !yield(next) {
				return
			}
		}
	}
}

// common returns what all begin with.
func common(folders []string) string {
	prefix := folders[0]
	for _, f := range folders[1:] {
		for !strings.HasPrefix(f, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return prefix
}

func equal(a, b listing) bool {
	return a.prefix == b.prefix && slices.Equal(a.wanted, b.wanted)
}
