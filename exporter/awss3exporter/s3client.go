package awss3exporter

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"go.opentelemetry.io/collector/component"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// openStore opens what the configuration names.
func openStore(ctx context.Context, c *Config, info component.BuildInfo) (store, error) {
	u := &c.S3Uploader
	if u.Directory != "" {
		return &folder{root: u.Directory}, nil
	}
	endpoint := u.Endpoint
	if endpoint != "" && !strings.Contains(endpoint, "://") && u.DisableSSL {
		endpoint = "http://" + endpoint
	}
	sdk, err := awsclient.ResolveSDK(ctx, awsclient.Options{
		Service:    "s3",
		Region:     u.Region,
		Endpoint:   endpoint,
		RoleARN:    u.RoleARN,
		ExternalID: u.ExternalID,
	})
	if err != nil {
		return nil, err
	}
	client := s3.NewFromConfig(sdk.Config, func(o *s3.Options) {
		o.UsePathStyle = u.S3ForcePathStyle
		o.EndpointOptions.DisableHTTPS = u.DisableSSL
		if sdk.Endpoint != nil {
			o.BaseEndpoint = aws.String(endpointURL(sdk.Endpoint, u.DisableSSL))
		}
		o.Retryer = u.retryer()
		o.Logger = logging.Nop{}
		o.RequestChecksumCalculation = u.checksum()
		o.APIOptions = append(o.APIOptions, middleware.AddUserAgentKeyValue(info.Command, info.Version))
	})
	return newS3Store(u, client, sdk), nil
}

func endpointURL(u *url.URL, disableSSL bool) string {
	if disableSSL {
		plain := *u
		plain.Scheme = "http"
		u = &plain
	}
	return u.String()
}

func (u *S3UploaderConfig) retryer() aws.Retryer {
	if u.RetryMode == "nop" {
		return aws.NopRetryer{}
	}
	standard := func(o *retry.StandardOptions) {
		o.MaxAttempts = u.RetryMaxAttempts
		o.MaxBackoff = u.RetryMaxBackoff
	}
	if u.RetryMode == "adaptive" {
		return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
			o.StandardOptions = append(o.StandardOptions, standard)
		})
	}
	return retry.NewStandard(standard)
}

func (u *S3UploaderConfig) checksum() aws.RequestChecksumCalculation {
	if u.Checksum == checksumRequired {
		return aws.RequestChecksumCalculationWhenRequired
	}
	return aws.RequestChecksumCalculationWhenSupported
}

// tagging returns the tags as S3 wants them in a header.
func (u *S3UploaderConfig) tagging() *string {
	if len(u.Tags) == 0 {
		return nil
	}
	values := url.Values{}
	for key, value := range u.Tags {
		values.Set(key, value)
	}
	return aws.String(values.Encode())
}

func notEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// describeBucket names the place for the log.
func (u *S3UploaderConfig) describeBucket(sdk *awsclient.SDK) string {
	return fmt.Sprintf("bucket %s, prefix %q, %s", u.S3Bucket, u.key("", "", ""), sdk.Describe())
}
