// Package awsclient resolves region, credentials, role, endpoint and proxy
// once for all components, sends signed requests, and says what a failure means.
package awsclient

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Options say which service, region, identity and endpoint to talk to.
type Options struct {
	Service      string        // signing name and host prefix, such as "xray"
	Region       string        // empty: environment, then (unless LocalMode) ECS metadata and IMDS
	Endpoint     string        // empty: the service's regional endpoint
	RoleARN      string        // assumed through STS when set
	ExternalID   string        // sent with RoleARN
	ProxyAddress string        // empty: HTTPS_PROXY
	NoVerifySSL  bool          // accept any certificate
	LocalMode    bool          // ask no metadata service
	Timeout      time.Duration // of one request; 0 means none beyond the context's
	MaxConns     int           // connections kept to the endpoint; 0 means 8
	UserAgent    string
}

// Client sends signed requests to one service. It is safe for concurrent use.
type Client struct{}

// New resolves o. Its error says what was tried. It opens no connection to the
// service itself, but may ask the metadata services for the region.
func New(ctx context.Context, o Options) (*Client, error) { return nil, errors.New("not written yet") }

// Response is a reply that was read whole.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Post signs body and sends it to path. A reply of any status is a Response;
// an error means that there was no complete reply, or that signing failed.
// It never sends an unsigned request.
func (c *Client) Post(ctx context.Context, path string, body []byte) (*Response, error) {
	return nil, errors.New("not written yet")
}

// URL returns the scheme and host requests go to, and Region the region they are signed for.
func (c *Client) URL() string    { return "" }
func (c *Client) Region() string { return "" }

// Close closes idle connections.
func (c *Client) Close() {}
