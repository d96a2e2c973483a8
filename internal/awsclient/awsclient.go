// Package awsclient resolves region, credentials, role, endpoint and proxy
// once for all components, sends signed requests, and says what a failure means.
package awsclient

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Options say which service, region, identity and endpoint to talk to.
type Options struct {
	Service      string        // signing name and host prefix, such as "xray"
	Region       string        // empty: environment, shared config, then (unless LocalMode) ECS metadata and IMDS
	Endpoint     string        // empty: AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, then the service's regional endpoint; without a scheme https, on this machine http
	RoleARN      string        // assumed through STS when set
	ExternalID   string        // sent with RoleARN
	ProxyAddress string        // empty: HTTPS_PROXY, with NO_PROXY; never used for metadata services
	NoVerifySSL  bool          // accept any certificate of the endpoint (STS is always verified)
	LocalMode    bool          // ask no metadata service
	Timeout      time.Duration // of one request; 0 means none beyond the context's
	MaxConns     int           // connections kept to the endpoint; 0 means 8
	MaxReply     int           // bytes of a reply that are read at most; 0 means 4 MiB
	UserAgent    string
}

// Client sends signed requests to one service. It is safe for concurrent use.
type Client struct {
	service     string
	region      string
	regionFrom  string
	base        *url.URL
	userAgent   string
	timeout     time.Duration
	maxReply    int
	roleARN     string
	placeholder bool

	credentials *aws.CredentialsCache
	signer      *v4.Signer
	transport   *http.Transport
	metadata    metadata
	// skew is what must be added to this machine's clock to get the service's,
	// in nanoseconds. It stays 0 until the service refuses a signature's time.
	skew atomic.Int64
}

// New resolves o. Its error says what was tried. It opens no connection to the
// service itself, but may ask the metadata services for the region.
func New(ctx context.Context, o Options) (*Client, error) {
	if o.Service == "" {
		return nil, fmt.Errorf("no service named")
	}
	proxy, err := proxyFunc(o.ProxyAddress)
	if err != nil {
		return nil, err
	}
	base, err := customEndpoint(o.Service, o.Endpoint)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(proxy, o.NoVerifySSL, o.MaxConns)
	if err != nil {
		return nil, err
	}
	local := base != nil && isLoopback(base.Hostname())
	config, err := loadConfig(ctx, proxy, !local)
	if err != nil {
		return nil, err
	}
	metadata := newMetadata(config, !o.LocalMode && !local)
	region, from, err := resolveRegion(ctx, o, config.Region, base, metadata)
	if err != nil {
		return nil, err
	}
	if base == nil {
		base = regionalEndpoint(o.Service, region)
	}
	config.Region = region
	c := &Client{
		service:    o.Service,
		region:     region,
		regionFrom: from,
		base:       base,
		userAgent:  o.UserAgent,
		timeout:    o.Timeout,
		maxReply:   o.MaxReply,
		roleARN:    o.RoleARN,
		signer:     v4.NewSigner(),
		transport:  transport,
		metadata:   metadata,
	}
	if c.maxReply <= 0 {
		c.maxReply = 4 << 20
	}
	c.credentials, c.placeholder = resolveCredentials(ctx, config, o, local)
	return c, nil
}

// URL returns the scheme and host requests go to, and Region the region they are signed for.
func (c *Client) URL() string    { return c.base.String() }
func (c *Client) Region() string { return c.region }

// Describe says in one line where requests go and as whom, for a log at start.
func (c *Client) Describe() string {
	who := "the default credentials"
	switch {
	case c.roleARN != "":
		who = "role " + c.roleARN
	case c.placeholder:
		who = "placeholder credentials, because the endpoint is on this machine and none were found"
	}
	return fmt.Sprintf("%s at %s, region %s (from %s), signed with %s", c.service, c.base, c.region, c.regionFrom, who)
}

// Close closes idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }
