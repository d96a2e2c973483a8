package archive

import (
	"encoding/hex"
	"fmt"
	"strconv"
)

// The names of what a file says about itself, in the footer.
const (
	metaSchemaVersion = "tailwater.schema_version"
	metaRows          = "tailwater.rows"
	metaMinStart      = "tailwater.min_start_unix_nano"
	metaMaxStart      = "tailwater.max_start_unix_nano"
	metaDigest        = "tailwater.digest"
	metaSegment       = "tailwater.segment"
	metaPartition     = "tailwater.partition"
	metaCollector     = "tailwater.collector"
	metaTool          = "tailwater.tool"
	metaOrder         = "tailwater.order" // for people: Parquet's own field knows only columns
)

type keyValue struct{ key, value string }

func (o *Options) metadata(i Info) []keyValue {
	return []keyValue{
		{metaSchemaVersion, strconv.Itoa(SchemaVersion)},
		{metaRows, strconv.FormatInt(i.Rows, 10)},
		{metaMinStart, strconv.FormatInt(i.MinStart, 10)},
		{metaMaxStart, strconv.FormatInt(i.MaxStart, 10)},
		{metaDigest, hex.EncodeToString(i.Digest[:])},
		{metaSegment, o.SegmentID},
		{metaPartition, o.Partition},
		{metaCollector, o.Collector},
		{metaTool, o.Tool},
		{metaOrder, fmt.Sprintf("start_time_unix_nano / %d, trace_id, start_time_unix_nano, span_id", o.Window)},
	}
}

// Metadata is what a file says about itself.
type Metadata struct {
	SchemaVersion int
	Info          // without Duplicates and Raw
	Options       // without RowGroupRows and Window
}

func readMetadata(lookup func(string) (string, bool)) (Metadata, error) {
	var m Metadata
	version, found := lookup(metaSchemaVersion)
	if !found {
		return m, fmt.Errorf("the file has no %s: it is no archive file", metaSchemaVersion)
	}
	var err error
	if m.SchemaVersion, err = strconv.Atoi(version); err != nil || m.SchemaVersion < 1 {
		return m, fmt.Errorf("%s is %q", metaSchemaVersion, version)
	}
	for key, to := range map[string]*int64{metaRows: &m.Rows, metaMinStart: &m.MinStart, metaMaxStart: &m.MaxStart} {
		text, _ := lookup(key)
		if *to, err = strconv.ParseInt(text, 10, 64); err != nil {
			return m, fmt.Errorf("%s is %q", key, text)
		}
	}
	digest, _ := lookup(metaDigest)
	if n, err := hex.Decode(m.Digest[:], []byte(digest[:min(len(digest), 64)])); err != nil || n != len(m.Digest) {
		return m, fmt.Errorf("%s is %q", metaDigest, digest)
	}
	m.SegmentID, _ = lookup(metaSegment)
	m.Partition, _ = lookup(metaPartition)
	m.Collector, _ = lookup(metaCollector)
	m.Tool, _ = lookup(metaTool)
	return m, nil
}
