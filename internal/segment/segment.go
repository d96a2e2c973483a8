// Package segment is the AWS X-Ray segment document: its model, a decoder and
// an encoder for its JSON, the checks X-Ray makes, and splitting of documents
// that are too large.
//
// The model keeps everything a document says. A known member with a value of
// its usual JSON type sits in its typed field, where the zero value means
// "absent". Whatever a field cannot hold (an unknown member, a member of an
// unusual type, null, an empty string, an empty object or array) is kept in
// the Extra of the object it stood in, with its JSON text, and is written
// back as it came. A list with an element that its field cannot hold is kept
// there as a whole. A document that is decoded and encoded again therefore
// equals the input, apart from the order of members and the spelling of
// numbers, ids, white space and string escapes.
package segment

// ID is a segment, subsegment or exception id: 16 hex digits on the wire.
// The zero value means absent.
type ID [8]byte

// TraceID is a trace id in the form that OpenTelemetry uses. On the wire it is
// "1-", the first 8 hex digits, "-" and the last 24. The zero value means absent.
type TraceID [16]byte

// Bool is a member that is absent, false or true. Documents tell an explicit
// false from an absent member.
type Bool uint8

// The values of a Bool.
const (
	Absent Bool = iota
	False
	True
)

// Time is a point in time in nanoseconds since the Unix epoch. On the wire it
// is a number of seconds, below 10^10 (year 2286) and in any spelling; up to 9
// decimals are exact, more are rounded to the nearest nanosecond. The zero value
// means absent.
type Time uint64

// Int is an integer member that some SDKs write as a string.
// The zero value means absent.
type Int struct {
	Value int64
	Form  IntForm
}

// IntForm says how an Int was written.
type IntForm uint8

// The forms of an Int.
const (
	NoInt     IntForm = iota // absent
	NumberInt                // 187
	StringInt                // "187"
)

// Member is a member of a JSON object that has no typed field: its name,
// unescaped, and its value as JSON text, which is valid JSON.
type Member struct {
	Name  string
	Value string
}

// Segment is one segment or subsegment with the subsegments embedded in it.
//
// Strings may share memory with the text that was decoded.
type Segment struct {
	Name     string // required, 1 to 200 characters for X-Ray
	ID       ID     // required
	TraceID  TraceID
	ParentID ID
	// Independent says that the member "type" is "subsegment": X-Ray SDKs set
	// it on a subsegment that travels as a document of its own, and some also
	// on embedded ones.
	Independent bool
	StartTime   Time // required
	EndTime     Time
	InProgress  Bool

	Origin      string
	User        string
	ResourceARN string
	Namespace   string // "aws", "remote"; others are kept
	Traced      Bool
	Inferred    Bool // set by X-Ray on segments that it makes up

	Error    Bool // 4xx
	Throttle Bool // 429
	Fault    Bool // 5xx

	Service *Service
	HTTP    *HTTP
	AWS     *AWS
	SQL     *SQL
	Cause   *Cause

	Annotations  []Member // values are JSON text of any shape
	Metadata     []Member // one for each namespace; values are JSON text of any shape
	PrecursorIDs []ID
	Links        []Link
	Subsegments  []*Segment

	Extra []Member
}

// Service is the member "service" of a segment.
type Service struct {
	Name            string
	Version         string
	Runtime         string
	RuntimeVersion  string
	Compiler        string
	CompilerVersion string
	Extra           []Member
}

// HTTP is the member "http". Request and Response are nil when absent.
type HTTP struct {
	Request  *HTTPRequest
	Response *HTTPResponse
	Extra    []Member
}

// HTTPRequest is the member "http.request".
type HTTPRequest struct {
	Method        string
	URL           string
	UserAgent     string
	ClientIP      string
	XForwardedFor Bool
	Traced        Bool
	Extra         []Member
}

// HTTPResponse is the member "http.response".
type HTTPResponse struct {
	Status        Int
	ContentLength Int
	Extra         []Member
}

// SQL is the member "sql".
type SQL struct {
	ConnectionString string
	URL              string
	SanitizedQuery   string
	DatabaseType     string
	DatabaseVersion  string
	DriverVersion    string
	User             string
	Preparation      string
	Extra            []Member
}

// AWS is the member "aws". Segments and subsegments use different members of it.
type AWS struct {
	AccountID  string
	Operation  string
	Region     string
	RequestID  string
	QueueURL   string
	TableName  string
	TableNames []string
	Retries    Int

	CloudWatchLogs   []LogGroup
	EC2              *EC2
	ECS              *ECS
	EKS              *EKS
	ElasticBeanstalk *ElasticBeanstalk
	XRay             *XRay

	Extra []Member
}

// LogGroup is an element of "aws.cloudwatch_logs".
type LogGroup struct {
	Name  string // log_group
	ARN   string
	Extra []Member
}

// EC2 is the member "aws.ec2".
type EC2 struct {
	InstanceID       string
	InstanceSize     string
	AMIID            string
	AvailabilityZone string
	Extra            []Member
}

// ECS is the member "aws.ecs".
type ECS struct {
	Container        string
	ContainerID      string
	ContainerARN     string
	ClusterARN       string
	TaskARN          string
	TaskFamily       string
	LaunchType       string
	AvailabilityZone string
	Extra            []Member
}

// EKS is the member "aws.eks".
type EKS struct {
	ClusterName string
	Pod         string
	ContainerID string
	Extra       []Member
}

// ElasticBeanstalk is the member "aws.elastic_beanstalk".
type ElasticBeanstalk struct {
	EnvironmentName string
	VersionLabel    string
	DeploymentID    Int
	Extra           []Member
}

// XRay is the member "aws.xray".
type XRay struct {
	SDK                 string
	SDKVersion          string
	SamplingRuleName    string
	AutoInstrumentation Bool
	Extra               []Member
}

// Cause is the member "cause": either the id of an exception that another
// entity of the trace describes (ID, and nothing else), or a description.
type Cause struct {
	ID               ID
	WorkingDirectory string
	Paths            []string
	Exceptions       []Exception
	Extra            []Member
}

// Exception is an element of "cause.exceptions".
type Exception struct {
	ID        ID // required; a list in which one lacks it is in Cause.Extra as a whole
	Message   string
	Type      string
	Remote    Bool
	Truncated Int // frames that were cut
	Skipped   Int // exceptions left out between this one and its cause
	Cause     ID
	Stack     []Frame
	Extra     []Member
}

// Frame is an element of an exception's "stack".
type Frame struct {
	Path  string
	Line  Int
	Label string
	Extra []Member
}

// Link is an element of "links".
type Link struct {
	TraceID    TraceID
	ID         ID
	Attributes []Member // values are JSON text
	Extra      []Member
}
