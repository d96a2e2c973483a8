package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// absentStream is a log stream that nobody has: to write to it shows whether
// the action is allowed, and writes nothing.
const absentStream = "tailwater-doctor-absent"

// logs is what the awsemf exporter does with CloudWatch Logs.
type logs struct {
	group string // its name, or its beginning if the rest depends on the metrics
	fixed bool
	// creates are the actions that a new log group needs.
	creates []string
}

func readEMF(p *plan, c part) error {
	var config struct {
		awsAccount        `mapstructure:",squash"`
		LogGroupName      string            `mapstructure:"log_group_name"`
		Namespace         string            `mapstructure:"namespace"`
		LogRetention      int               `mapstructure:"log_retention"`
		Tags              map[string]string `mapstructure:"tags"`
		OutputDestination string            `mapstructure:"output_destination"`
	}
	if err := c.into(&config); err != nil {
		return err
	}
	if d := config.OutputDestination; d != "" && d != "cloudwatch" {
		return nil // nothing of AWS is asked
	}
	l := logs{creates: []string{"logs:CreateLogGroup"}}
	l.group, l.fixed = config.LogGroupName, true
	if l.group == "" {
		l.group, l.fixed = "/metrics/"+config.Namespace, config.Namespace != ""
	}
	if begin, _, placeholder := strings.Cut(l.group, "{"); placeholder {
		l.group, l.fixed = begin, false
	}
	if config.LogRetention > 0 {
		l.creates = append(l.creates, "logs:PutRetentionPolicy")
	}
	if len(config.Tags) > 0 {
		l.creates = append(l.creates, "logs:TagResource")
	}
	p.targets = append(p.targets, target{component: c.name, options: config.options("logs"), ask: l})
	return nil
}

// resource is the ARN of the log groups.
func (l logs) resource(region string) string {
	pattern := l.group
	if !l.fixed {
		pattern += "*"
	}
	return fmt.Sprintf("arn:%s:logs:%s:*:log-group:%s:*", awsclient.Partition(region), region, pattern)
}

func (l logs) ask(ctx context.Context, t target, client *awsclient.Client, o Options) (findings []Finding) {
	ctx, cancel := context.WithTimeout(ctx, 3*o.Timeout)
	defer cancel()
	api := cloudwatchlogs.NewFromConfig(client.SDKConfig())
	resource := l.resource(client.Region())
	if !l.fixed {
		f := t.finding(Skip, "logs:PutLogEvents is not tried: the name of the log group depends on the metrics")
		f.Fix = fmt.Sprintf("the policy must allow logs:PutLogEvents, logs:CreateLogStream, %s on %s", strings.Join(l.creates, ", "), resource)
		return append(findings, f)
	}
	_, err := api.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: aws.String(l.group), LogStreamName: aws.String(absentStream),
		LogEvents: []types.InputLogEvent{{Message: aws.String("tailwaterctl doctor"), Timestamp: aws.Int64(time.Now().UnixMilli())}},
	})
	f, goOn := t.judgeSDK(err, client.URL(), resource, "logs:PutLogEvents", "ResourceNotFoundException")
	findings = append(findings, f)
	if !goOn {
		return findings
	}
	exists, stream := l.look(ctx, api)
	switch {
	case !exists:
		// In a group that is not there no stream can be made.
		_, err = api.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String(l.group), LogStreamName: aws.String(absentStream)})
		f, _ = t.judgeSDK(err, client.URL(), resource, "logs:CreateLogStream", "ResourceNotFoundException")
		findings = append(findings, f)
		f = t.finding(Warn, "log group %s is not there, or may not be seen: the exporter makes it, and that cannot be tried", l.group)
		f.Fix = fmt.Sprintf("make the log group, or allow %s on %s", strings.Join(l.creates, ", "), resource)
		findings = append(findings, f)
	case stream != "":
		_, err = api.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String(l.group), LogStreamName: aws.String(stream)})
		f, _ = t.judgeSDK(err, client.URL(), resource, "logs:CreateLogStream", "ResourceAlreadyExistsException")
		findings = append(findings, f)
	default:
		findings = append(findings, t.finding(Skip, "logs:CreateLogStream is not tried: log group %s shows no stream", l.group))
	}
	return findings
}

// look tells whether the log group is seen to exist, and the name of one of its
// streams. The exporter needs neither, so it is no failure if that is denied.
func (l logs) look(ctx context.Context, api *cloudwatchlogs.Client) (exists bool, stream string) {
	groups, err := api.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(l.group), Limit: aws.Int32(1)})
	if err != nil || len(groups.LogGroups) == 0 || aws.ToString(groups.LogGroups[0].LogGroupName) != l.group {
		return false, ""
	}
	streams, err := api.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String(l.group), Limit: aws.Int32(1)})
	if err != nil || len(streams.LogStreams) == 0 {
		return true, ""
	}
	return true, aws.ToString(streams.LogStreams[0].LogStreamName)
}

// judgeSDK says what the result of a call of the SDK means. harmless is the
// error of a call that was allowed and had nothing to work on. goOn is false
// if other calls would fail for the same reason.
func (t target) judgeSDK(err error, url, resource, action, harmless string) (f Finding, goOn bool) {
	if err == nil {
		return t.finding(OK, "%s is allowed", action), true
	}
	code, message, status := refusal(err)
	switch {
	case status == 0:
		return t.unanswered(url, err), false
	case code == harmless:
		return t.finding(OK, "%s is allowed", action), true
	case isDenied(code, status):
		return t.denied(message, resource, action), true
	case status == 400 || status == 403:
		f = t.finding(Fail, "%s is refused: %s: %s", action, code, message)
		return f, true
	default:
		return t.finding(Fail, "%s: %s answers with %s: %s", action, url, code, message), true
	}
}
