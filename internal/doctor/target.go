package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// target is a service of AWS that a component talks to.
type target struct {
	component string
	options   awsclient.Options
	ask       asker
}

// asker tries what a component does with a service.
type asker interface {
	ask(ctx context.Context, t target, client *awsclient.Client, o Options) []Finding
}

func (t target) finding(status Status, format string, args ...any) Finding {
	return Finding{Status: status, Component: t.component, Text: fmt.Sprintf(format, args...)}
}

// known is what was found out about a configuration before its targets.
type known struct {
	// usable tells of each identity that was looked at whether it can sign.
	usable map[string]bool
	// served names the component that listens on an address, host:port.
	served map[string]string
}

// check resolves region and endpoint, looks at the identity if that is new,
// and asks the service.
func (t target) check(ctx context.Context, o Options, k known) []Finding {
	client, err := t.connect(ctx, o)
	if err != nil {
		f := t.finding(Fail, "%v", err)
		if errors.Is(err, awsclient.ErrNoRegion) {
			f.Fix = "set region in the configuration, or AWS_REGION in the environment of the collector"
		}
		return []Finding{f}
	}
	defer client.Close()
	findings := []Finding{t.finding(OK, "%s", client.Describe())}
	if by, own := k.served[hostPort(client.URL())]; own && !accepts(ctx, hostPort(client.URL()), o.Timeout) {
		return append(findings, t.finding(Skip, "%s is %s of this configuration, which does not run now", client.URL(), by))
	}
	who := strings.Join([]string{client.Region(), t.options.RoleARN, t.options.ExternalID, t.options.ProxyAddress, fmt.Sprint(client.Local())}, "\n")
	usable, before := k.usable[who]
	if !before {
		var more []Finding
		more, usable = t.identity(ctx, client, o)
		k.usable[who] = usable
		findings = append(findings, more...)
	}
	switch {
	case usable:
		return append(findings, t.ask.ask(ctx, t, client, o)...)
	case before:
		return append(findings, t.finding(Skip, "nothing is tried: the credentials are those of no use above"))
	}
	return findings
}

// hostPort returns the host and port of a URL.
func hostPort(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	if u.Port() == "" {
		return u.Host + map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	}
	return loopbackIP(u.Host)
}

func (t target) connect(ctx context.Context, o Options) (*awsclient.Client, error) {
	t.options.Timeout = o.Timeout
	t.options.UserAgent = "tailwaterctl"
	return awsclient.New(ctx, t.options)
}

const noCredentials = "give the collector an identity: on EKS a service account with IRSA or Pod Identity, on ECS a task role " +
	"(taskRoleArn, not executionRoleArn), on EC2 an instance profile (for containers with the IMDSv2 hop limit 2); elsewhere AWS_PROFILE or AWS_ACCESS_KEY_ID"

// identity says as whom requests are signed. usable is false if they cannot be.
func (t target) identity(ctx context.Context, client *awsclient.Client, o Options) (_ []Finding, usable bool) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if _, err := client.SDKConfig().Credentials.Retrieve(ctx); err != nil {
		f := t.finding(Fail, "there are no credentials: %v", err)
		f.Fix = noCredentials
		if role := t.options.RoleARN; role != "" {
			f.Text = fmt.Sprintf("role %s cannot be assumed: %v", role, err)
			f.Fix = "the role's trust policy must name this identity, and this identity's own policy must allow sts:AssumeRole on the role"
			f.Policy = allow(role, "sts:AssumeRole")
		}
		return []Finding{f}, false
	}
	if client.Local() && os.Getenv("AWS_ENDPOINT_URL_STS") == "" {
		return []Finding{t.finding(Skip, "the identity is not looked up: the endpoint is on this machine")}, true
	}
	options := t.options
	options.Service, options.Endpoint, options.Region = "sts", "", client.Region()
	options.NoVerifySSL = false
	stsClient, err := target{options: options}.connect(ctx, o)
	if err != nil {
		return []Finding{t.finding(Warn, "the identity cannot be looked up: %v", err)}, true
	}
	defer stsClient.Close()
	who, err := sts.NewFromConfig(stsClient.SDKConfig()).GetCallerIdentity(ctx, nil)
	if err == nil {
		return []Finding{t.finding(OK, "signed as %s", *who.Arn)}, true
	}
	if code, message, status := refusal(err); status != 0 && status < 500 {
		// It needs no permission, so the credentials themselves are wrong.
		f := t.finding(Fail, "the credentials are refused: %s: %s", code, message)
		f.Fix = badCredentials
		return []Finding{f}, false
	}
	f := t.finding(Warn, "STS does not say whose credentials these are: %v", err)
	f.Fix = unreachable(err)
	return []Finding{f}, true
}

const badCredentials = "renew the credentials, and compare the clock of this machine with the true time (more than 5 minutes apart makes signatures invalid)"

// refusal takes a service's answer out of an error of the SDK. status is 0 if
// there was no answer.
func refusal(err error) (code, message string, status int) {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	code = fmt.Sprintf("HTTP%d", status)
	var api smithy.APIError
	if errors.As(err, &api) {
		code, message = api.ErrorCode(), api.ErrorMessage()
		if status == 0 {
			status = http.StatusBadRequest // it came from somewhere
		}
	}
	return code, message, status
}

// isDenied tells whether an error code means that a policy is in the way.
func isDenied(code string, status int) bool {
	switch code {
	case "AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation":
		return true
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException",
		"ExpiredToken", "ExpiredTokenException", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
		"IncompleteSignature", "IncompleteSignatureException", "RequestTimeTooSkewed", "RequestExpired", "OptInRequired":
		return false
	}
	return status == http.StatusForbidden
}

// denied is the finding about a refused action.
func (t target) denied(message, resource string, actions ...string) Finding {
	f := t.finding(Fail, "%s is denied: %s", strings.Join(actions, ", "), message)
	f.Policy = allow(resource, actions...)
	f.Fix = fmt.Sprintf("allow %s on %s in the identity's policy", strings.Join(actions, ", "), resource)
	if strings.Contains(message, "explicit deny") {
		f.Fix = "something denies it explicitly, and no Allow helps: look at service control policies, permissions boundaries, session policies and VPC endpoint policies"
	}
	return f
}

// unanswered is the finding about a call that got no answer, or one of a
// service in trouble.
func (t target) unanswered(where string, err error) Finding {
	f := t.finding(Fail, "%s does not answer: %v", where, err)
	f.Fix = unreachable(err)
	return f
}
