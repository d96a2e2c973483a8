package awsclient

import (
	"errors"
	"strings"

	"context"
	"fmt"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// SDK is what a client of the AWS SDK needs, for services whose protocol Post
// does not speak.
type SDK struct {
	// Config has region, credentials and HTTP client. Its credentials follow
	// the same rules as those of a Client.
	Config aws.Config
	// Endpoint is the one that the option or the environment names; nil means
	// the service's own.
	Endpoint *url.URL

	from        string
	who         string
	transport   *http.Transport
	service     string
	placeholder bool
}

// ResolveSDK resolves o as New does. Timeout, MaxReply and UserAgent are the
// caller's to apply.
func ResolveSDK(ctx context.Context, o Options) (*SDK, error) {
	proxy, err := proxyFunc(o.ProxyAddress)
	if err != nil {
		return nil, err
	}
	endpoint, err := customEndpoint(o.Service, o.Endpoint)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(proxy, o.NoVerifySSL, o.MaxConns)
	if err != nil {
		return nil, err
	}
	local := endpoint != nil && isLoopback(endpoint.Hostname())
	config, err := loadConfig(ctx, proxy, !local)
	if err != nil {
		return nil, err
	}
	s := &SDK{Endpoint: endpoint, transport: transport, service: o.Service, who: "the default credentials"}
	config.Region, s.from, err = resolveRegion(ctx, o, config.Region, endpoint, newMetadata(config, !o.LocalMode && !local))
	if err != nil {
		return nil, err
	}
	// Credentials keep the HTTP client that config was loaded with.
	config.Credentials, s.placeholder = resolveCredentials(ctx, config, o, local)
	switch {
	case o.RoleARN != "":
		s.who = "role " + o.RoleARN
	case s.placeholder:
		s.who = "placeholder credentials, because the endpoint is on this machine and none were found"
	}
	config.HTTPClient = &http.Client{Transport: transport}
	s.Config = config
	return s, nil
}

// Describe says in one line where requests go and as whom.
func (s *SDK) Describe() string {
	at := "its own endpoint"
	if s.Endpoint != nil {
		at = s.Endpoint.String()
	}
	return fmt.Sprintf("%s at %s, region %s (from %s), signed with %s", s.service, at, s.Config.Region, s.from, s.who)
}

// Close closes idle connections.
func (s *SDK) Close() { s.transport.CloseIdleConnections() }

// ClassifySDK says what the error of a call of the AWS SDK means, by the rules
// of Classify.
func ClassifySDK(err error) Failure {
	if err == nil {
		return Failure{}
	}
	var api smithy.APIError
	var reply interface{ HTTPStatusCode() int }
	switch isAPI := errors.As(err, &api); {
	case errors.As(err, &reply) && reply.HTTPStatusCode() != 0:
	case isAPI:
		return Failure{Kind: codeKind(api.ErrorCode(), api.ErrorMessage()), Code: api.ErrorCode(), Message: err.Error()}
	default:
		var signing *v4.SigningError
		if errors.As(err, &signing) || strings.Contains(err.Error(), "failed to refresh cached credentials") {
			err = credentialsError{err}
		}
		return transportFailure(err)
	}
	f := Failure{Status: reply.HTTPStatusCode(), Message: err.Error()}
	if api != nil {
		f.Code = api.ErrorCode()
	}
	f.Kind = codeKind(f.Code, f.Message)
	switch {
	case f.Kind != Permanent:
	case f.Status == http.StatusTooManyRequests:
		f.Kind = Throttle
	case f.Status == http.StatusRequestTimeout, f.Status == http.StatusTooEarly, f.Status >= 500, f.Status == http.StatusOK:
		f.Kind = Retryable // 200: a reply that was not what it should be
	case f.Status == http.StatusUnauthorized, f.Status == http.StatusForbidden, f.Status == http.StatusProxyAuthRequired:
		f.Kind = Denied
	}
	return f
}

func codeKind(code, message string) Kind {
	switch {
	case throttleCodes[code]:
		return Throttle
	case deniedCodes[code], isClockError(code, message):
		return Denied
	}
	return Permanent
}
