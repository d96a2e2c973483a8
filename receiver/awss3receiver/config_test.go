package awss3receiver

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/tailwater-otel/tailwater/receiver/awss3receiver/internal/metadata"
)

func TestLoadConfig(t *testing.T) {
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for name, want := range map[string]func(*Config){
		"contrib": func(c *Config) {
			c.StartTime, c.EndTime = "2024-01-31 15:00", "2024-02-03"
			d := &c.S3Downloader
			d.Region, d.S3Bucket, d.S3Prefix, d.S3Partition = "us-west-1", "abucket", "tenant", "minute"
			d.FilePrefix, d.FilePrefixIncludeTelemetryType = "file-", false
			d.Endpoint, d.EndpointPartitionID, d.S3ForcePathStyle = "https://s3.example.com", "aws-cn", true
			c.Encodings = []EncodingConfig{{component.MustNewIDWithName("foo", "bar"), "baz"}, {component.MustNewID("nop"), "nop"}}
		},
		"own": func(c *Config) {
			c.StartTime, c.EndTime = "2026-03-14T09:00:00Z", "2026-03-14T10:00:00+01:30"
			c.EndTime = "2026-03-14T12:00:00+01:30"
			c.Directory = "/var/lib/tailwater/archive"
			c.S3Downloader.S3PartitionFormat = "%Y/%m/%d"
			c.S3Downloader.S3PartitionTimezone = "Europe/Berlin"
			c.TraceIDs = []string{"1-581cf771-a006649127e371903a2de979", "4cc847024d558a167132596acfd4daa9"}
			c.Services = []string{"checkout"}
			c.RateLimit = 500
			c.Checkpoint = "/var/lib/tailwater/replay.json"
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			sub, err := all.Sub(component.NewIDWithName(metadata.Type, name).String())
			require.NoError(t, err)
			require.NoError(t, sub.Unmarshal(cfg))
			require.NoError(t, cfg.Validate())
			expected := createDefaultConfig().(*Config)
			want(expected)
			assert.Equal(t, expected, cfg)
		})
	}
}

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"sqs: ":           func(c *Config) { c.SQS = map[string]any{"queue_url": "x"} },
		"notifications: ": func(c *Config) { c.Notifications = map[string]any{"opampextension": "opamp"} },
		"starttime is not set": func(c *Config) {
			c.StartTime = ""
		},
		`endtime is "tomorrow"`:                  func(c *Config) { c.EndTime = "tomorrow" },
		"is not before endtime":                  func(c *Config) { c.StartTime = c.EndTime },
		"must be from 1970":                      func(c *Config) { c.StartTime = "1234-01-01" },
		"either s3downloader::s3_bucket or dir":  func(c *Config) { c.Directory = "" },
		"either s3downloader::s3_bucket or dire": func(c *Config) { c.S3Downloader.S3Bucket = "b" },
		"s3downloader::s3_partition is":          func(c *Config) { c.S3Downloader.S3Partition = "day" },
		"not both": func(c *Config) {
			c.S3Downloader.S3Partition, c.S3Downloader.S3PartitionFormat = "hour", "%Y"
		},
		"s3_partition_timezone":           func(c *Config) { c.S3Downloader.S3PartitionTimezone = "Moon/Sea" },
		"has a partition each second":     func(c *Config) { c.S3Downloader.S3PartitionFormat = "%Y/%s" },
		`trace_ids: "1-2" is no trace id`: func(c *Config) { c.TraceIDs = []string{"1-2"} },
		`trace_ids: "zz`:                  func(c *Config) { c.TraceIDs = []string{"zz000000000000000000000000000001"} },
		"services: a name is empty":       func(c *Config) { c.Services = []string{""} },
		"rate_limit is -1":                func(c *Config) { c.RateLimit = -1 },
		"encodings::0: extension and":     func(c *Config) { c.Encodings = []EncodingConfig{{Suffix: ".x"}} },
		"encodings::1: the suffix": func(c *Config) {
			e := EncodingConfig{component.MustNewID("own"), ".x"}
			c.Encodings = []EncodingConfig{e, e}
		},
	} {
		t.Run(want, func(t *testing.T) {
			cfg := config(func(c *Config) { c.Directory = "x"; change(c) })
			require.ErrorContains(t, cfg.Validate(), want)
		})
	}
}

func TestListings(t *testing.T) {
	at := func(text string) time.Time {
		got, err := parseTime("starttime", text)
		require.NoError(t, err)
		return got
	}
	minutes := func(from, to int) (list []string) {
		for m := from; m < to; m++ {
			list = append(list, "p/year=2026/month=03/day=14/hour=09/minute="+string([]byte{byte('0' + m/10), byte('0' + m%10)})+"/")
		}
		return list
	}
	for name, tc := range map[string]struct {
		d          S3DownloaderConfig
		start, end string
		want       []listing
	}{
		"hours": {
			S3DownloaderConfig{S3PartitionFormat: archiveFormat, S3Prefix: "/p/"}, "2026-03-14 22:30", "2026-03-15 01:00",
			[]listing{
				{"p/dt=2026-03-14/hour=22/", []string{"p/dt=2026-03-14/hour=22/"}},
				{"p/dt=2026-03-14/hour=23/", []string{"p/dt=2026-03-14/hour=23/"}},
				{"p/dt=2026-03-15/hour=00/", []string{"p/dt=2026-03-15/hour=00/"}},
			},
		},
		"minutes of an hour": {
			S3DownloaderConfig{S3Partition: "minute", S3Prefix: "p"}, "2026-03-14 09:00", "2026-03-14 10:00",
			[]listing{{"p/year=2026/month=03/day=14/hour=09/minute=", minutes(0, 60)}},
		},
		"some minutes": {
			S3DownloaderConfig{S3Partition: "minute", S3Prefix: "p"}, "2026-03-14 09:08", "2026-03-14 09:11",
			[]listing{{"p/year=2026/month=03/day=14/hour=09/minute=", minutes(8, 11)}},
		},
		"days": {
			S3DownloaderConfig{S3PartitionFormat: "%Y%m%d"}, "2026-02-28 23:00", "2026-03-02",
			[]listing{{"20260228/", []string{"20260228/"}}, {"20260301/", []string{"20260301/"}}},
		},
		"a zone off by a half hour": {
			S3DownloaderConfig{S3PartitionFormat: "%d-%H", S3PartitionTimezone: "Asia/Kolkata"}, "2026-03-14 00:00", "2026-03-14 01:00",
			[]listing{{"14-0", []string{"14-05/", "14-06/"}}},
		},
		"the hour that comes twice": {
			S3DownloaderConfig{S3Partition: "hour", S3PartitionTimezone: "Europe/Berlin"}, "2026-10-25 00:00", "2026-10-25 02:00",
			[]listing{{"year=2026/month=10/day=25/hour=02/", []string{"year=2026/month=10/day=25/hour=02/"}}},
		},
		"both layouts": {
			S3DownloaderConfig{}, "2026-03-14 09:00", "2026-03-14 09:01",
			[]listing{
				{"dt=2026-03-14/hour=09/", []string{"dt=2026-03-14/hour=09/"}},
				{"year=2026/month=03/day=14/hour=09/minute=00/", []string{"year=2026/month=03/day=14/hour=09/minute=00/"}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			layouts, err := tc.d.layouts()
			require.NoError(t, err)
			var got []listing
			for i := range layouts {
				for l := range layouts[i].listings(at(tc.start), at(tc.end)) {
					got = append(got, l)
				}
			}
			assert.Equal(t, tc.want, got)
		})
	}
}
