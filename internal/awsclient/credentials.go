package awsclient

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// sessionName is what CloudTrail shows for calls made with an assumed role.
const sessionName = "tailwater"

// credentialsTimeout bounds the look for credentials at start, which happens
// only where placeholders may stand in for them.
const credentialsTimeout = 5 * time.Second

// loadConfig reads the environment and the shared config and credentials
// files. Its HTTP client serves STS, SSO and the metadata services.
func loadConfig(ctx context.Context, proxy proxyOf, useIMDS bool) (aws.Config, error) {
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.Proxy = proxy })
	options := []func(*config.LoadOptions) error{config.WithHTTPClient(client)}
	if !useIMDS {
		options = append(options, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("read the AWS configuration: %w", err)
	}
	return cfg, nil
}

// resolveCredentials returns the credentials to sign with. Where the endpoint
// is on this machine and there are none, it returns placeholders: what listens
// there checks no signature, and a laptop needs no AWS account. Real endpoints
// never get placeholders.
func resolveCredentials(ctx context.Context, cfg aws.Config, o Options, local bool) (_ *aws.CredentialsCache, placeholder bool) {
	if o.RoleARN != "" {
		provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), o.RoleARN, func(r *stscreds.AssumeRoleOptions) {
			r.RoleSessionName = sessionName
			if o.ExternalID != "" {
				r.ExternalID = &o.ExternalID
			}
		})
		return cached(provider), false
	}
	found := cached(cfg.Credentials)
	if !local {
		return found, false
	}
	ctx, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	if _, err := found.Retrieve(ctx); err == nil {
		return found, false
	}
	return cached(credentials.NewStaticCredentialsProvider("tailwater-local", "placeholder", "")), true
}

// cached keeps credentials until shortly before they expire.
func cached(provider aws.CredentialsProvider) *aws.CredentialsCache {
	if cache, ok := provider.(*aws.CredentialsCache); ok {
		return cache
	}
	return aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = 5 * time.Minute
		o.ExpiryWindowJitterFrac = 0.5
	})
}
