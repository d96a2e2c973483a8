// Package awsidentity finds out where on AWS a process runs: on an EC2
// instance, in an ECS task, in an EKS pod, in an Elastic Beanstalk environment
// or in a Lambda function.
//
// It reads the metadata services itself, through the AWS SDK for EC2.
// OpenTelemetry's detector libraries (go.opentelemetry.io/contrib/detectors/aws)
// do not fit: the one for ECS calls the collector's own container the
// application's, gives its host name for the container's name and fails as a
// whole for want of a log stream; the one for EKS needs a ConfigMap that
// clusters with access entries do not have, and finds container ids of Docker
// only; the one for Elastic Beanstalk writes keys that X-Ray's block is not
// made from.
package awsidentity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// ErrAbsent says that the process is known not to run on a platform, so that
// asking again is of no use.
var ErrAbsent = errors.New("not on this platform")

// Scope says whose identity is asked for.
type Scope string

const (
	// Container is the container that the process runs in.
	Container Scope = "container"
	// Task is the ECS task or Kubernetes pod that the process shares with the
	// application, as a sidecar. The container is then the application's.
	Task Scope = "task"
	// Node is the machine that the process shares with applications in other
	// tasks or pods, as a daemon. Its own task, pod and container are nobody else's.
	Node Scope = "node"
)

// Machine is what detection reads. The zero value is the machine that the
// process runs on.
type Machine struct {
	// Root is put before the path of every file that is read.
	Root string
	// Getenv takes the place of os.Getenv.
	Getenv func(string) string
}

// Options say what to look for.
type Options struct {
	// Scope is Task if empty.
	Scope Scope
	// ClusterName is the name of the EKS cluster, which nothing inside the
	// cluster tells for sure. If empty it is looked for.
	ClusterName string
}

// Source is one platform that the process may run on.
type Source struct {
	// Name is the one that a configuration uses.
	Name string
	// Platform is the value of cloud.platform.
	Platform string
	// Claims says at once whether the process is surely on the platform, so
	// that an error of Detect is worth a complaint. It opens no connection.
	Claims func() bool
	// Detect returns the resource attributes of the platform, cloud.platform
	// among them. The error is ErrAbsent if the process is not there; after
	// another one it may be asked again. Attributes that come with an error are
	// right, but not all. The zero Map is none. It ends with the context.
	Detect func(context.Context) (pcommon.Map, error)
}

// Names lists the sources in their order of precedence: an Elastic Beanstalk
// environment runs on ECS or EC2, and pods and tasks run on EC2
// (https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html,
// member origin: the most specific).
func Names() []string {
	return []string{"elastic_beanstalk", "eks", "ecs", "ec2", "lambda"}
}

// Sources returns the sources in the order of Names.
func Sources(m Machine, o Options) []Source {
	if m.Getenv == nil {
		m.Getenv = os.Getenv
	}
	if o.Scope == "" {
		o.Scope = Task
	}
	client := &http.Client{
		// Nobody on the way but the machine itself: no proxy, no redirect.
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return []Source{
		elasticBeanstalk(m),
		(&eks{m, o}).source(),
		(&ecs{m, o, client}).source(),
		ec2(imds.New(imds.Options{
			HTTPClient:     client,
			Retryer:        retry.AddWithMaxAttempts(aws.NopRetryer{}, 1),
			Endpoint:       m.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
			EnableFallback: aws.FalseTernary, // IMDSv2 only
		}), m),
		lambda(m),
	}
}

// maxAnswer bounds what is read of a file or an answer.
const maxAnswer = 1 << 20

// readFile reads a file of the machine.
func (m Machine) readFile(path string) ([]byte, error) {
	file, err := os.Open(filepath.Join(m.Root, path))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxAnswer))
}

// getJSON reads the answer to a GET request into v.
func getJSON(ctx context.Context, client *http.Client, url string, header http.Header, v any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	for key, values := range header {
		request.Header[key] = values
	}
	reply, err := client.Do(request)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return &statusError{url: url, code: reply.StatusCode}
	}
	if err := json.NewDecoder(io.LimitReader(reply.Body, maxAnswer)).Decode(v); err != nil {
		return fmt.Errorf("read the answer of %s: %w", url, err)
	}
	return nil
}

// statusError is an answer other than 200.
type statusError struct {
	url  string
	code int
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answers %d %s", e.url, e.code, http.StatusText(e.code))
}

// platform returns a map with the attributes that every source gives.
func platform(name string) pcommon.Map {
	attrs := pcommon.NewMap()
	attrs.PutStr("cloud.provider", "aws")
	attrs.PutStr("cloud.platform", name)
	return attrs
}

// put sets an attribute unless the value is empty.
func put(attrs pcommon.Map, key, value string) {
	if value != "" {
		attrs.PutStr(key, value)
	}
}

// putList sets an attribute to a list unless that is empty.
func putList(attrs pcommon.Map, key string, values []string) {
	if len(values) == 0 {
		return
	}
	list := attrs.PutEmptySlice(key)
	for _, value := range values {
		list.AppendEmpty().SetStr(value)
	}
}

// arnParts are the parts of an ARN that name a place.
type arnParts struct{ partition, region, account string }

// splitARN returns the parts of arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE.
func splitARN(arn string) (parts arnParts, ok bool) {
	fields := strings.SplitN(arn, ":", 6)
	if len(fields) != 6 || fields[0] != "arn" {
		return arnParts{}, false
	}
	return arnParts{partition: fields[1], region: fields[3], account: fields[4]}, true
}
