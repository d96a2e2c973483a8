package awss3receiver

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// timeLayouts are the forms of starttime and endtime.
var timeLayouts = []string{time.RFC3339, "2006-01-02 15:04", time.DateOnly}

func parseTime(key, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, fmt.Errorf("%s is not set", key)
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is %q; it must be a time such as 2026-03-14T09:00:00Z, \"2026-03-14 09:00\" or 2026-03-14", key, text)
}

// span returns the time to replay.
func (c *Config) span() (start, end time.Time, err error) {
	start, err = parseTime("starttime", c.StartTime)
	end, errEnd := parseTime("endtime", c.EndTime)
	if err = errors.Join(err, errEnd); err != nil {
		return start, end, err
	}
	if !start.Before(end) {
		return start, end, fmt.Errorf("starttime %s is not before endtime %s", c.StartTime, c.EndTime)
	}
	if start.Year() < 1970 || end.Year() > 2262 {
		return start, end, fmt.Errorf("starttime and endtime must be from 1970 to 2262")
	}
	return start, end, nil
}

// traceIDs returns the ids to replay.
func (c *Config) traceIDs() (map[[16]byte]struct{}, error) {
	ids := make(map[[16]byte]struct{}, len(c.TraceIDs))
	for _, text := range c.TraceIDs {
		digits := text
		if len(text) == 35 && strings.HasPrefix(text, "1-") && text[10] == '-' {
			digits = text[2:10] + text[11:]
		}
		var id [16]byte
		if n, err := hex.Decode(id[:], []byte(digits[:min(len(digits), 32)])); err != nil || n != 16 || len(digits) != 32 {
			return nil, fmt.Errorf("trace_ids: %q is no trace id: want 32 hexadecimal digits or 1-8digits-24digits", text)
		}
		ids[id] = struct{}{}
	}
	return ids, nil
}

// Validate refuses settings that cannot work. It opens nothing.
func (c *Config) Validate() error {
	var errs []error
	check := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if c.SQS != nil {
		check(errors.New("sqs: objects are found by time only; remove sqs and set starttime and endtime"))
	}
	if c.Notifications != nil {
		check(errors.New("notifications: there are none; remove the key: the log and the receiver's metrics say how far the replay is"))
	}
	_, _, err := c.span()
	check(err)
	_, err = c.traceIDs()
	check(err)
	d := &c.S3Downloader
	_, err = d.layouts()
	check(err)
	if (c.Directory == "") == (d.S3Bucket == "") {
		check(errors.New("set either s3downloader::s3_bucket or directory"))
	}
	if c.RateLimit < 0 {
		check(fmt.Errorf("rate_limit is %d; it must not be negative", c.RateLimit))
	}
	for _, name := range c.Services {
		if name == "" {
			check(errors.New("services: a name is empty"))
		}
	}
	suffixes := map[string]struct{}{}
	for i, e := range c.Encodings {
		if e.Suffix == "" || e.Extension.String() == "" {
			check(fmt.Errorf("encodings::%d: extension and suffix must both be set", i))
		}
		if _, twice := suffixes[e.Suffix]; twice {
			check(fmt.Errorf("encodings::%d: the suffix %q is there twice", i, e.Suffix))
		}
		suffixes[e.Suffix] = struct{}{}
	}
	return errors.Join(errs...)
}
