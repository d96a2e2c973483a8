package cwlogs

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/logs"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/rpc"
)

const (
	classStandard = "STANDARD"
	maxName       = 512
	maxKMSKey     = 256
	// arnPrefix stands before the name of a group. Any region and account will
	// do on one machine; these are documentation's.
	arnPrefix = "arn:aws:logs:us-east-1:123456789012:log-group:"
	// maxDescribed is how many groups or streams an answer holds.
	maxDescribed = 50
)

var classes = []string{classStandard, "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"}

var retentionDays = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

func checkGroupName(s string) error {
	bad := func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("_-/.#", c))
	}
	if s == "" || len(s) > maxName || strings.ContainsFunc(s, bad) {
		return invalid("logGroupName is %q, it must have 1 to %d characters of a-z, A-Z, 0-9, _, -, /, . and #", cut(s), maxName)
	}
	return nil
}

func checkStreamName(s string) error {
	if s == "" || len(s) > maxName || strings.ContainsAny(s, ":*") {
		return invalid("logStreamName is %q, it must have 1 to %d characters and no : or *", cut(s), maxName)
	}
	return nil
}

func cut(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}

type createLogGroupInput struct {
	LogGroupName              string            `json:"logGroupName"`
	LogGroupClass             string            `json:"logGroupClass"`
	KMSKeyID                  string            `json:"kmsKeyId"`
	Tags                      map[string]string `json:"tags"`
	DeletionProtectionEnabled bool              `json:"deletionProtectionEnabled"`
}

func (a *API) createLogGroup(in *createLogGroupInput) (*rpc.Empty, error) {
	if err := errors.Join(checkGroupName(in.LogGroupName), checkTags(in.Tags)); err != nil {
		return nil, err
	}
	if strings.HasPrefix(in.LogGroupName, "aws/") {
		return nil, invalid("logGroupName is %q, it must not begin with aws/", cut(in.LogGroupName))
	}
	class := cmp.Or(in.LogGroupClass, classStandard)
	if !slices.Contains(classes, class) {
		return nil, invalid("logGroupClass is %q, it must be one of %s", cut(class), strings.Join(classes, ", "))
	}
	if k := in.KMSKeyID; k != "" && (len(k) > maxKMSKey || !strings.HasPrefix(k, "arn:") || !strings.Contains(k, ":kms:")) {
		return nil, invalid("kmsKeyId is %q, it must be the ARN of a key", cut(k))
	}
	return &rpc.Empty{}, answer(a.Logs.CreateGroup(a.Now(), logs.Group{
		Name: in.LogGroupName, Class: class, KMSKey: in.KMSKeyID, Tags: in.Tags, Protected: in.DeletionProtectionEnabled,
	}))
}

type createLogStreamInput struct {
	LogGroupName  string `json:"logGroupName"`
	LogStreamName string `json:"logStreamName"`
}

func (a *API) createLogStream(in *createLogStreamInput) (*rpc.Empty, error) {
	if err := errors.Join(checkGroupName(in.LogGroupName), checkStreamName(in.LogStreamName)); err != nil {
		return nil, err
	}
	return &rpc.Empty{}, answer(a.Logs.CreateStream(a.Now(), in.LogGroupName, in.LogStreamName))
}

type retentionPolicyInput struct {
	LogGroupName    string `json:"logGroupName"`
	RetentionInDays int    `json:"retentionInDays"`
}

func (a *API) putRetentionPolicy(in *retentionPolicyInput) (*rpc.Empty, error) {
	if err := checkGroupName(in.LogGroupName); err != nil {
		return nil, err
	}
	if !slices.Contains(retentionDays, in.RetentionInDays) {
		return nil, invalid("retentionInDays is %d, it must be one of %v", in.RetentionInDays, retentionDays)
	}
	return &rpc.Empty{}, answer(a.Logs.SetRetention(in.LogGroupName, in.RetentionInDays))
}

func (a *API) deleteRetentionPolicy(in *retentionPolicyInput) (*rpc.Empty, error) {
	if err := checkGroupName(in.LogGroupName); err != nil {
		return nil, err
	}
	return &rpc.Empty{}, answer(a.Logs.SetRetention(in.LogGroupName, 0))
}

type describeLogGroupsInput struct {
	Prefix      string   `json:"logGroupNamePrefix"`
	Pattern     string   `json:"logGroupNamePattern"`
	Identifiers []string `json:"logGroupIdentifiers"`
	Class       string   `json:"logGroupClass"`
	Limit       *int     `json:"limit"`
	NextToken   string   `json:"nextToken"`
}

type describeLogGroupsOutput struct {
	LogGroups []wireGroup `json:"logGroups"`
	NextToken string      `json:"nextToken,omitempty"`
}

type wireGroup struct {
	Arn             string `json:"arn"`
	LogGroupArn     string `json:"logGroupArn"`
	LogGroupName    string `json:"logGroupName"`
	LogGroupClass   string `json:"logGroupClass"`
	CreationTime    *int64 `json:"creationTime"`
	RetentionInDays int    `json:"retentionInDays,omitempty"`
	KMSKeyID        string `json:"kmsKeyId,omitempty"`
	StoredBytes     int64  `json:"storedBytes"`
	MetricFilters   int    `json:"metricFilterCount"`
	Protected       bool   `json:"deletionProtectionEnabled"`
}

func (a *API) describeLogGroups(in *describeLogGroupsInput) (*describeLogGroupsOutput, error) {
	if in.Prefix != "" && in.Pattern != "" {
		return nil, invalid("logGroupNamePrefix and logGroupNamePattern are mutually exclusive")
	}
	limit, err := limitOf(in.Limit)
	if err != nil {
		return nil, err
	}
	out := &describeLogGroupsOutput{LogGroups: []wireGroup{}}
	for _, g := range a.Logs.Groups(a.Now()) {
		if g.Name <= in.NextToken || !strings.HasPrefix(g.Name, in.Prefix) || !strings.Contains(g.Name, in.Pattern) || in.Class != "" && g.Class != in.Class {
			continue
		}
		if in.Identifiers != nil && !slices.ContainsFunc(in.Identifiers, func(id string) bool { return groupOf(id) == g.Name }) {
			continue
		}
		if len(out.LogGroups) == limit {
			out.NextToken = out.LogGroups[limit-1].LogGroupName
			break
		}
		arn := arnPrefix + g.Name
		out.LogGroups = append(out.LogGroups, wireGroup{
			Arn: arn + ":*", LogGroupArn: arn, LogGroupName: g.Name, LogGroupClass: g.Class, CreationTime: toMillis(g.Created),
			RetentionInDays: g.RetentionDays, KMSKeyID: g.KMSKey, StoredBytes: g.Bytes, Protected: g.Protected,
		})
	}
	return out, nil
}

func limitOf(limit *int) (int, error) {
	if limit == nil {
		return maxDescribed, nil
	}
	if *limit < 1 || *limit > maxDescribed {
		return 0, invalid("limit is %d, it must be 1 to %d", *limit, maxDescribed)
	}
	return *limit, nil
}

// groupOf returns the name of a group that is named by itself or by its ARN.
func groupOf(identifier string) string {
	if _, name, ok := strings.Cut(identifier, ":log-group:"); ok {
		name, _, _ = strings.Cut(name, ":")
		return name
	}
	return identifier
}

type describeLogStreamsInput struct {
	LogGroupName       string `json:"logGroupName"`
	LogGroupIdentifier string `json:"logGroupIdentifier"`
	Prefix             string `json:"logStreamNamePrefix"`
	OrderBy            string `json:"orderBy"`
	Descending         bool   `json:"descending"`
	Limit              *int   `json:"limit"`
	NextToken          string `json:"nextToken"`
}

type describeLogStreamsOutput struct {
	LogStreams []wireStream `json:"logStreams"`
	NextToken  string       `json:"nextToken,omitempty"`
}

type wireStream struct {
	Arn                 string `json:"arn"`
	LogStreamName       string `json:"logStreamName"`
	CreationTime        *int64 `json:"creationTime"`
	FirstEventTimestamp *int64 `json:"firstEventTimestamp,omitempty"`
	LastEventTimestamp  *int64 `json:"lastEventTimestamp,omitempty"`
	LastIngestionTime   *int64 `json:"lastIngestionTime,omitempty"`
	UploadSequenceToken string `json:"uploadSequenceToken"`
	StoredBytes         int64  `json:"storedBytes"` // always 0 since 2019
}

func (a *API) describeLogStreams(in *describeLogStreamsInput) (*describeLogStreamsOutput, error) {
	name := cmp.Or(in.LogGroupName, groupOf(in.LogGroupIdentifier))
	limit, err := limitOf(in.Limit)
	if err := errors.Join(err, checkGroupName(name)); err != nil {
		return nil, err
	}
	byTime := in.OrderBy == "LastEventTime"
	if byTime && in.Prefix != "" {
		return nil, invalid("logStreamNamePrefix cannot be used with orderBy LastEventTime")
	}
	streams, err := a.Logs.Streams(a.Now(), name)
	if err != nil {
		return nil, answer(err)
	}
	if byTime {
		slices.SortStableFunc(streams, func(a, b logs.Stream) int { return a.Last.Compare(b.Last) })
	}
	if in.Descending {
		slices.Reverse(streams)
	}
	out := &describeLogStreamsOutput{LogStreams: []wireStream{}}
	skipping := in.NextToken != ""
	for _, s := range streams {
		if skipping {
			skipping = s.Name != in.NextToken
			continue
		}
		if !strings.HasPrefix(s.Name, in.Prefix) {
			continue
		}
		if len(out.LogStreams) == limit {
			out.NextToken = out.LogStreams[limit-1].LogStreamName
			break
		}
		out.LogStreams = append(out.LogStreams, wireStream{
			Arn: arnPrefix + name + ":log-stream:" + s.Name, LogStreamName: s.Name, CreationTime: toMillis(s.Created),
			FirstEventTimestamp: toMillis(s.First), LastEventTimestamp: toMillis(s.Last), LastIngestionTime: toMillis(s.LastArrival),
			UploadSequenceToken: "0",
		})
	}
	return out, nil
}
