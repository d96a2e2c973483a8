package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
)

// validRegion keeps what comes from files and metadata services out of host
// names unless it looks like a region.
var validRegion = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// ErrNoRegion says that nothing names a region.
var ErrNoRegion = errors.New("no AWS region found")

// resolveRegion returns the region and where it was found. The first source
// that names one wins.
func resolveRegion(ctx context.Context, o Options, shared string, endpoint *url.URL, m metadata) (region, from string, err error) {
	host := ""
	if endpoint != nil {
		host = endpoint.Hostname()
	}
	sources := []struct {
		name string
		get  func() (string, error)
	}{
		{"the option region", func() (string, error) { return o.Region, nil }},
		{"AWS_REGION", func() (string, error) { return os.Getenv("AWS_REGION"), nil }},
		{"AWS_DEFAULT_REGION", func() (string, error) { return os.Getenv("AWS_DEFAULT_REGION"), nil }},
		{"the shared AWS config file", func() (string, error) { return shared, nil }},
		{"the host name of the endpoint", func() (string, error) {
			if host == "" {
				return "", fmt.Errorf("the endpoint is not set")
			}
			return regionOfHost(o.Service, host), nil
		}},
		{"the ECS metadata file", m.ecsFileRegion},
		{"the ECS metadata service", func() (string, error) { return m.ecsRegion(ctx) }},
		{"the EC2 metadata service", func() (string, error) { return m.ec2Region(ctx) }},
	}
	var tried []string
	for _, s := range sources {
		region, err := s.get()
		switch {
		case err != nil:
			tried = append(tried, fmt.Sprintf("%s (%v)", s.name, err))
		case region == "":
			tried = append(tried, s.name+" (empty)")
		case !validRegion.MatchString(region):
			return "", "", fmt.Errorf("region %q from %s is not the name of a region", region, s.name)
		default:
			return region, s.name, nil
		}
	}
	if host != "" && isLoopback(host) {
		// Something on this machine needs no region, but a signature names one.
		return "us-east-1", "nowhere, since the endpoint is on this machine", nil
	}
	return "", "", fmt.Errorf("%w; set the option region or AWS_REGION; tried: %s", ErrNoRegion, strings.Join(tried, ", "))
}
