package awsclient

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
)

// customEndpoint returns the endpoint that the option or the environment
// names, and nil if they name none.
func customEndpoint(service, option string) (*url.URL, error) {
	if option != "" {
		return parseEndpoint("endpoint", option)
	}
	if os.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == "true" {
		return nil, nil
	}
	id := strings.ToUpper(service)
	if other, ok := serviceIDs[service]; ok {
		id = other
	}
	for _, key := range []string{"AWS_ENDPOINT_URL_" + id, "AWS_ENDPOINT_URL"} {
		if value := os.Getenv(key); value != "" {
			return parseEndpoint(key, value)
		}
	}
	return nil, nil
}

// serviceIDs are the SDK's ids of services whose host name is another.
var serviceIDs = map[string]string{"logs": "CLOUDWATCH_LOGS"}

func parseEndpoint(key, value string) (*url.URL, error) {
	text := value
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%s: %q is no endpoint: want host, host:port or http(s)://host[:port][/path]", key, value)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s: scheme %q of %q is not http or https", key, u.Scheme, value)
	}
	if text != value && isLoopback(u.Hostname()) {
		u.Scheme = "http" // nothing on this machine speaks TLS unless it is asked to
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

// ValidateEndpoint says whether value can be Options.Endpoint. Empty can.
func ValidateEndpoint(value string) error {
	if value == "" {
		return nil
	}
	_, err := parseEndpoint("endpoint", value)
	return err
}

// isLoopback tells whether host is this machine, by name or address.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// A partition is a group of regions with a DNS suffix of its own.
type partition struct {
	prefix string // of the region's name
	suffix string // of host names
	dual   string // of host names that also have IPv6 addresses
}

// The first that matches counts.
var partitions = []partition{
	{"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
	{"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
	{"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
	{"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
	{"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
	{"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
	{"", "amazonaws.com", "api.aws"},
}

// regionalEndpoint returns the service's own endpoint in a region. It follows
// AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT.
func regionalEndpoint(service, region string) *url.URL {
	host := service
	if os.Getenv("AWS_USE_FIPS_ENDPOINT") == "true" {
		host += "-fips"
	}
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			suffix := p.suffix
			if os.Getenv("AWS_USE_DUALSTACK_ENDPOINT") == "true" {
				suffix = p.dual
			}
			host += "." + region + "." + suffix
			break
		}
	}
	return &url.URL{Scheme: "https", Host: host}
}

// regionOfHost returns the region in the host name of an AWS endpoint, such
// as xray.eu-west-1.amazonaws.com or a VPC endpoint's, or "".
func regionOfHost(service, host string) string {
	labels := strings.Split(host, ".")
	for i, label := range labels[:len(labels)-1] {
		if label != service && label != service+"-fips" {
			continue
		}
		rest := strings.Join(labels[i+2:], ".")
		for _, p := range partitions {
			for _, suffix := range []string{p.suffix, p.dual} {
				if strings.HasPrefix(labels[i+1], p.prefix) && (rest == suffix || rest == "vpce."+suffix) {
					return labels[i+1]
				}
			}
		}
	}
	return ""
}
