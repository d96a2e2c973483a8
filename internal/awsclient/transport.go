package awsclient

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
)

type proxyOf = func(*http.Request) (*url.URL, error)

// proxyFunc says which proxy a request takes. Metadata services and this
// machine are always reached directly.
func proxyFunc(address string) (proxyOf, error) {
	environment := httpproxy.FromEnvironment().ProxyFunc()
	choose := environment
	if address != "" {
		text := address
		if !strings.Contains(text, "://") {
			text = "http://" + text
		}
		fixed, err := url.Parse(text)
		if err != nil || fixed.Hostname() == "" {
			return nil, fmt.Errorf("proxy_address: %q is no proxy: want host:port or http(s)://host:port", address)
		}
		choose = func(*url.URL) (*url.URL, error) { return fixed, nil }
	}
	return func(r *http.Request) (*url.URL, error) {
		host := r.URL.Hostname()
		if ip := net.ParseIP(host); isLoopback(host) || ip != nil && (ip.IsLinkLocalUnicast() || ip.Equal(imdsV6) || ip.Equal(podIdentityV6)) {
			return nil, nil
		}
		return choose(r.URL)
	}, nil
}

// ValidateProxy says whether value can be Options.ProxyAddress. Empty can.
func ValidateProxy(value string) error {
	_, err := proxyFunc(value)
	return err
}

// IPv6 addresses of the EC2 metadata service and of EKS Pod Identity.
var (
	imdsV6        = net.ParseIP("fd00:ec2::254")
	podIdentityV6 = net.ParseIP("fd00:ec2::23")
)

// newTransport returns a transport that keeps as many connections as there are
// requests in flight. HTTP/1.1 on purpose: each request has a connection of its
// own, so a lost packet or a dead peer stalls one of them and not all. Like the
// SDK it trusts the authorities in AWS_CA_BUNDLE instead of the system's.
func newTransport(proxy proxyOf, noVerify bool, conns int) (*http.Transport, error) {
	if conns <= 0 {
		conns = 8
	}
	security := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: noVerify}
	if path := os.Getenv("AWS_CA_BUNDLE"); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("AWS_CA_BUNDLE: %w", err)
		}
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("AWS_CA_BUNDLE: no certificate in %s", path)
		}
	}
	return &http.Transport{
		Proxy:                 proxy,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       security,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		MaxIdleConns:          conns,
		MaxIdleConnsPerHost:   conns,
		IdleConnTimeout:       60 * time.Second, // AWS closes idle connections later than that
		DisableCompression:    true,
		WriteBufferSize:       64 << 10, // a batch is tens of kilobytes: fewer, larger writes
	}, nil
}
