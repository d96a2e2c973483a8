package awss3receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"go.opentelemetry.io/collector/component"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// bucket is a store in Amazon S3 or what speaks its language.
type bucket struct {
	client *s3.Client
	sdk    *awsclient.SDK
	name   string
	// failed tells of a request that failed and is tried again.
	failed func(awsclient.Failure)
	wait   func(ctx context.Context, attempt int) error
}

func openBucket(ctx context.Context, d *S3DownloaderConfig, info component.BuildInfo, failed func(awsclient.Failure)) (*bucket, error) {
	sdk, err := awsclient.ResolveSDK(ctx, awsclient.Options{
		Service:    "s3",
		Region:     d.Region,
		Endpoint:   d.Endpoint,
		RoleARN:    d.RoleARN,
		ExternalID: d.ExternalID,
	})
	if err != nil {
		return nil, err
	}
	client := s3.NewFromConfig(sdk.Config, func(o *s3.Options) {
		o.UsePathStyle = d.S3ForcePathStyle
		if sdk.Endpoint != nil {
			o.BaseEndpoint = aws.String(sdk.Endpoint.String())
		}
		o.Retryer = aws.NopRetryer{} // again has no end, the SDK's has
		o.Logger = logging.Nop{}
		o.APIOptions = append(o.APIOptions, middleware.AddUserAgentKeyValue(info.Command, info.Version))
	})
	return &bucket{client: client, sdk: sdk, name: d.S3Bucket, failed: failed, wait: backoff}, nil
}

// backoff waits before an attempt: a second, two, four … a minute.
func backoff(ctx context.Context, attempt int) error {
	timer := time.NewTimer(min(time.Minute, time.Second<<min(attempt, 6)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *bucket) describe() string {
	return fmt.Sprintf("bucket %s, %s", b.name, b.sdk.Describe())
}

// again tries until it works, the trouble is one that does not pass, or ctx
// ends. A refused permission passes if the credentials were about to expire, so
// it is tried once more.
func (b *bucket) again(ctx context.Context, try func() error) error {
	for attempt := 0; ; attempt++ {
		err := try()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil || errors.Is(err, errChanged):
			return err
		}
		f := awsclient.ClassifySDK(err)
		if f.Kind == awsclient.Permanent {
			return fmt.Errorf("%w: %w", errStore, err)
		}
		b.failed(f)
		if f.Kind == awsclient.Denied && attempt > 0 {
			return fmt.Errorf("%w: %w", errDenied, err)
		}
		if err := b.wait(ctx, attempt); err != nil {
			return err
		}
	}
}

func (b *bucket) list(ctx context.Context, prefix string) iter.Seq2[object, error] {
	return func(yield func(object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix})
		for pages.HasMorePages() {
			var page *s3.ListObjectsV2Output
			err := b.again(ctx, func() (err error) {
				page, err = pages.NextPage(ctx)
				return err
			})
			if err != nil {
				yield(object{}, fmt.Errorf("list %s/%s: %w", b.name, prefix, err))
				return
			}
			for _, o := range page.Contents {
				if !yield(object{aws.ToString(o.Key), aws.ToInt64(o.Size), aws.ToString(o.ETag)}, nil) {
					return
				}
			}
		}
	}
}

func (b *bucket) open(ctx context.Context, o object) (content, error) {
	return &ranges{size: o.size, get: func(offset, length int64) ([]byte, error) {
		var data []byte
		err := b.again(ctx, func() (err error) {
			data, err = b.get(ctx, o, offset, length)
			return err
		})
		return data, err
	}}, nil
}

// get reads a range of an object, of the version that was listed.
func (b *bucket) get(ctx context.Context, o object, offset, length int64) ([]byte, error) {
	input := &s3.GetObjectInput{
		Bucket: &b.name,
		Key:    &o.key,
		Range:  aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)),
	}
	if o.etag != "" {
		input.IfMatch = &o.etag
	}
	reply, err := b.client.GetObject(ctx, input)
	if err != nil {
		var status interface{ HTTPStatusCode() int }
		if errors.As(err, &status) {
			switch status.HTTPStatusCode() {
			case http.StatusNotFound, http.StatusPreconditionFailed:
				return nil, errChanged
			}
		}
		return nil, err
	}
	defer func() { _ = reply.Body.Close() }()
	data := make([]byte, length)
	if _, err := io.ReadFull(reply.Body, data); err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	return data, nil
}
