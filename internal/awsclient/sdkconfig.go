package awsclient

import (
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// SDKConfig returns what a client of the AWS SDK needs to ask the same service
// in the same place as the same identity, for operations that Post does not
// know. It makes one attempt a call. It is of use until Close.
func (c *Client) SDKConfig() aws.Config {
	return aws.Config{
		Region:       c.region,
		BaseEndpoint: aws.String(c.base.String()),
		Credentials:  c.credentials,
		HTTPClient:   &http.Client{Transport: c.transport},
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// Local tells whether the endpoint is on this machine, where no AWS is.
func (c *Client) Local() bool { return isLoopback(c.base.Hostname()) }

// Partition returns the part of an ARN that a region decides, such as aws-cn.
func Partition(region string) string {
	for _, p := range []struct{ prefix, name string }{
		{"cn-", "aws-cn"}, {"us-gov-", "aws-us-gov"}, {"us-isob-", "aws-iso-b"}, {"us-isof-", "aws-iso-f"},
		{"us-iso-", "aws-iso"}, {"eu-isoe-", "aws-iso-e"}, {"eusc-", "aws-eusc"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.name
		}
	}
	return "aws"
}
