package awss3exporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	transfer "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/spool"
)

// s3Store keeps objects in S3, or in a store that speaks its protocol.
type s3Store struct {
	config   *S3UploaderConfig
	client   *s3.Client
	transfer *transfermanager.Client
	sdk      *awsclient.SDK

	// unconditional says that the store has no If-None-Match: whether a key is
	// taken is asked before.
	unconditional atomic.Bool
}

func newS3Store(u *S3UploaderConfig, client *s3.Client, sdk *awsclient.SDK) *s3Store {
	return &s3Store{config: u, client: client, sdk: sdk, transfer: transfermanager.New(client, func(o *transfermanager.Options) {
		o.PartSizeBytes = 8 << 20
		o.MultipartUploadThreshold = 8 << 20 // put decides before
		o.Concurrency = 2                    // three buffers of a part
		o.RequestChecksumCalculation = u.checksum()
		// Parts of an upload that failed cost money until they are removed.
		o.FailTimeout = 10 * time.Second
	})}
}

func (s *s3Store) describe() string { return s.config.describeBucket(s.sdk) }
func (s *s3Store) close()           { s.sdk.Close() }

// put stores an object with If-None-Match. A key that is taken is compared:
// after a reply that got lost it is our own object.
func (s *s3Store) put(ctx context.Context, o *object) (outcome, error) {
	condition := aws.String("*")
	if s.unconditional.Load() {
		how, err := s.head(ctx, o)
		if how != missing {
			return how, err
		}
		condition = nil
	}
	err := s.send(ctx, o, condition)
	if err == nil {
		return stored, nil
	}
	status, code := replyOf(err)
	switch {
	case condition == nil:
	case status == http.StatusPreconditionFailed, code == "PreconditionFailed":
		how, err := s.head(ctx, o)
		if how == missing { // deleted in between
			return failed, fmt.Errorf("put %s: the key was taken and is free now", o.key)
		}
		return how, err
	case status == http.StatusNotImplemented, code == "NotImplemented":
		s.unconditional.Store(true)
		return s.put(ctx, o)
	}
	return s.failure(fmt.Errorf("put %s: %w", o.key, err), status, code)
}

// failure says what to make of an error.
func (s *s3Store) failure(err error, status int, code string) (outcome, error) {
	f := awsclient.ClassifySDK(err)
	switch {
	case code == "EntityTooLarge", code == "KeyTooLongError":
		return refused, &spool.Unacceptable{Err: err}
	case status == http.StatusConflict, code == "NoSuchUpload":
		return failed, err // another request is at the key, or the parts are gone: from the start
	case status == http.StatusMovedPermanently, code == "NoSuchBucket", code == "PermanentRedirect":
		return denied, err // wrong until somebody mends the bucket or the region
	}
	return outcomeOf(f.Kind), err
}

// missing is the outcome of head for a key that is free.
const missing outcome = "missing"

func (s *s3Store) head(ctx context.Context, o *object) (outcome, error) {
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &o.bucket, Key: &o.key})
	if err == nil {
		return o.compare(out.Metadata)
	}
	status, code := replyOf(err)
	if status == http.StatusNotFound {
		return missing, nil
	}
	err = fmt.Errorf("compare with the object at %s (needs s3:GetObject): %w", o.key, err)
	return s.failure(err, status, code)
}

// replyOf returns the status and code of an error's reply, 0 and "" without one.
func replyOf(err error) (status int, code string) {
	var reply interface{ HTTPStatusCode() int }
	if errors.As(err, &reply) {
		status = reply.HTTPStatusCode()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	return status, code
}

func (s *s3Store) send(ctx context.Context, o *object, condition *string) error {
	body, err := o.open()
	if err != nil {
		return err
	}
	defer body.Close()
	if o.size >= s.config.MultipartThreshold {
		return s.sendParts(ctx, o, body, condition)
	}
	u := s.config
	input := &s3.PutObjectInput{
		Bucket:               &o.bucket,
		Key:                  &o.key,
		Body:                 body,
		ContentLength:        &o.size,
		ContentType:          &o.kind,
		Metadata:             o.about,
		IfNoneMatch:          condition,
		ACL:                  types.ObjectCannedACL(u.ACL),
		StorageClass:         types.StorageClass(u.StorageClass),
		ServerSideEncryption: types.ServerSideEncryption(u.SSE),
		SSEKMSKeyId:          notEmpty(u.KMSKeyID),
		BucketKeyEnabled:     u.bucketKey(),
		Tagging:              u.tagging(),
	}
	_, err = s.client.PutObject(ctx, input, unsigned)
	return err
}

// unsigned leaves the content out of the signature where TLS and the checksum
// protect it: hashing it once more costs CPU.
func unsigned(o *s3.Options) {
	if !o.EndpointOptions.DisableHTTPS && o.BaseEndpoint == nil {
		o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	}
}

func (s *s3Store) sendParts(ctx context.Context, o *object, body io.Reader, condition *string) error {
	u := s.config
	_, err := s.transfer.UploadObject(ctx, &transfermanager.UploadObjectInput{
		Bucket:               &o.bucket,
		Key:                  &o.key,
		Body:                 body,
		ContentType:          &o.kind,
		Metadata:             o.about,
		IfNoneMatch:          condition,
		ACL:                  transfer.ObjectCannedACL(u.ACL),
		StorageClass:         transfer.StorageClass(u.StorageClass),
		ServerSideEncryption: transfer.ServerSideEncryption(u.SSE),
		SSEKMSKeyID:          notEmpty(u.KMSKeyID),
		BucketKeyEnabled:     u.bucketKey(),
		Tagging:              u.tagging(),
	})
	return err
}

// bucketKey is set only where S3 takes it.
func (u *S3UploaderConfig) bucketKey() *bool {
	if u.SSE == string(types.ServerSideEncryptionAwsKms) && u.BucketKeyEnabled {
		return aws.Bool(true)
	}
	return nil
}
