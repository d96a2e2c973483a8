package segmentspan

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// Count is what a span means to metrics: the request that its service served,
// the call that it made, both or neither. Its strings may share memory with the
// span and its resource.
type Count struct {
	InProgress bool
	// Replayed: it was archived and comes a second time (archive.replayed).
	Replayed bool
	// Error, Throttle and Fault are those of the document, see Facts.
	Error, Throttle, Fault bool

	// Entry: the document is a segment, a request that Service served.
	Entry bool
	// Service is the service that did the work, "" if nothing says it, and
	// Environment where it ran, "" if the span does not say it.
	Service, Environment string

	// Remote is the service that the span calls, sends to or received from,
	// "" if there is none. AWS services have the prefix AWS::.
	Remote string
	// RemoteEnvironment, ResourceType and Resource are the rest of what
	// Application Signals calls a dependency. Each may be "".
	RemoteEnvironment, ResourceType, Resource string
}

// UnknownService is the service of spans that name none, as in Application
// Signals.
const UnknownService = "UnknownService"

// Count tells what a span of a resource counts as. Until the next call the
// Describer's operations are those of this span.
func (d *Describer) Count(span ptrace.Span, of *ResourceFacts) Count {
	m, e, r := &d.m, &d.e, &d.m.r
	r.read(span.Attributes())
	if m.text.Len() > maxKeptText {
		m.text = strings.Builder{}
	}
	e.seg.Error, e.seg.Throttle, e.seg.Fault = segment.Absent, segment.Absent, segment.Absent
	e.span, e.kind, e.parent = span, span.Kind(), segment.ID(span.ParentSpanID())
	e.born = roleOf(r.peek(keyDocument))
	c := Count{Environment: r.peek(keyAWSLocalEnvironment)}
	c.Replayed, _ = r.boolean(keyReplayed)
	open, _ := r.boolean(keyInProgress)
	namespace := ""
	switch {
	case e.born != roleNone:
		c.InProgress = open
		if c.Entry = e.born == roleSegment; !c.Entry {
			namespace = namespaceOf(e.kind, r)
			if given := r.peek(keyNamespace); given != "" {
				namespace = given
			}
			if namespace == namespaceAWS || namespace == namespaceRemote {
				c.Remote = span.Name()
			}
		}
	default:
		c.InProgress = open || span.EndTimestamp() == 0
		c.Entry = m.rootOf(e) != subsegmentSpan
		switch e.kind {
		case ptrace.SpanKindClient, ptrace.SpanKindProducer:
			c.Remote, namespace = m.subsegmentName(e)
			if given := r.peek(keyNamespace); given != "" {
				namespace = given
			}
		case ptrace.SpanKindConsumer:
			c.Remote, namespace = m.sender(e)
		}
	}
	if namespace == namespaceAWS {
		c.Remote = awsService(c.Remote)
	}
	if c.Remote != "" {
		c.RemoteEnvironment = r.peek(keyAWSRemoteEnvironment)
		c.ResourceType, c.Resource = m.remoteResource(c.Remote)
	}
	d.remote = c.Remote

	if c.Service = segment.CleanName(r.peek(keyAWSLocalService)); c.Service == "" {
		if c.Service = segment.CleanName(of.Service); c.Service == "" && e.born == roleSegment {
			c.Service = span.Name()
		}
	}
	if c.Service == "" {
		c.Service = UnknownService
	}
	status := m.intOf(keyHTTPResponseStatusCode, keyHTTPStatusCode).Value
	setFlags(&e.seg, r, outcomeOf(span.Status().Code(), status, rpcStatus(r)))
	c.Error, c.Throttle, c.Fault = e.seg.Error == segment.True, e.seg.Throttle == segment.True, e.seg.Fault == segment.True
	return c
}

// sender is what a consumer span received its message from.
func (m *mapper) sender(e *entity) (name, namespace string) {
	if service := messagingService(&m.r, ptrace.SpanKindProducer); service != "" {
		return service, namespaceAWS
	}
	return m.subsegmentName(e)
}

// awsService is the name of an AWS service as CloudFormation and Application
// Signals write it. SDKs spell the same service in several ways.
func awsService(name string) string {
	if known, ok := awsServices[name]; ok {
		return known
	}
	if strings.HasPrefix(name, "AWS::") {
		return name
	}
	return "AWS::" + name
}

var awsServices = func() map[string]string {
	m := map[string]string{}
	for service, names := range map[string]string{
		"ApiGateway":     "apigateway,APIGateway",
		"CloudWatch":     "cloudwatch,monitoring",
		"CloudWatchLogs": "logs,cloudwatchlogs,CloudWatch Logs",
		"DynamoDB":       "dynamodb,AmazonDynamoDB,AmazonDynamoDBv2",
		"ECS":            "ecs,AmazonECS",
		"EventBridge":    "events,eventbridge,AmazonEventBridge",
		"Firehose":       "firehose,KinesisFirehose,Kinesis Firehose",
		"Kinesis":        "kinesis,AmazonKinesis",
		"KMS":            "kms,AWSKMS",
		"Lambda":         "lambda,AWSLambda",
		"S3":             "s3,Amazon S3,AmazonS3",
		"SecretsManager": "secretsmanager,AWSSecretsManager,Secrets Manager",
		"SES":            "ses,email",
		"SNS":            "sns,AmazonSNS",
		"SQS":            "sqs,AmazonSQS",
		"SSM":            "ssm",
		"StepFunctions":  "sfn,states,SFN,AWSStepFunctions,Step Functions",
		"STS":            "sts",
	} {
		full := "AWS::" + service
		for name := range strings.SplitSeq(names, ",") {
			m[name] = full
		}
		m[service] = full
	}
	return m
}()

// remoteResource is the AWS resource that a call is about.
func (m *mapper) remoteResource(remote string) (kind, name string) {
	r := &m.r
	kind, name = r.peek(keyAWSRemoteResourceType), r.peek(keyAWSRemoteResourceIdentifier)
	if kind != "" && name != "" {
		return kind, name
	}
	switch remote {
	case "AWS::DynamoDB":
		kind, name = "AWS::DynamoDB::Table", r.peekFirst(keyAWSTableName, keyAWSTableNameDotted)
		if name == "" && r.have.has(keyAWSTableNames) {
			if m.paths = r.strings(keyAWSTableNames, m.paths[:0]); len(m.paths) == 1 {
				name = m.paths[0]
			}
		}
	case "AWS::SQS":
		kind = "AWS::SQS::Queue"
		url := r.peekFirst(keyAWSQueueURL, keyAWSQueueURLDotted, keyAWSSQSQueueURL, keyMessagingURL)
		if name = url[strings.LastIndexByte(url, '/')+1:]; name == "" {
			name = r.peekFirst(keyMessagingDestinationName, keyMessagingDestination)
		}
	case "AWS::S3":
		if kind, name = "AWS::S3::Bucket", r.peek(keyAWSS3Bucket); name == "" {
			name = r.member("/aws/bucket_name")
		}
	}
	if name == "" {
		return "", ""
	}
	return kind, name
}

// member is a string member that has no home but aws.xray.json.*.
func (r *reader) member(pointer string) string {
	for _, a := range r.json {
		if text := a.value.Str(); a.name == pointer && len(text) > 2 && text[0] == '"' && !strings.Contains(text, `\\`) {
			return text[1 : len(text)-1]
		}
	}
	return ""
}
