package doctor

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// probe is the name of the object that Options.Write allows to store. It is
// always the same, so there is never more than one in a prefix.
const probe = "tailwater-doctor-probe"

// bucket is what the awss3 components do with S3.
type bucket struct {
	name, prefix string
	pathStyle    bool
	reads        bool // the receiver
	sse, key     string
}

// s3Keys are the keys that the exporter and the receiver share.
type s3Keys struct {
	Region     string `mapstructure:"region"`
	Bucket     string `mapstructure:"s3_bucket"`
	BasePrefix string `mapstructure:"s3_base_prefix"`
	Prefix     string `mapstructure:"s3_prefix"`
	Endpoint   string `mapstructure:"endpoint"`
	RoleARN    string `mapstructure:"role_arn"`
	ExternalID string `mapstructure:"external_id"`
	PathStyle  bool   `mapstructure:"s3_force_path_style"`
	DisableSSL bool   `mapstructure:"disable_ssl"`
	Directory  string `mapstructure:"directory"`
	SSE        string `mapstructure:"sse"`
	KMSKeyID   string `mapstructure:"kms_key_id"`
}

func readS3Exporter(p *plan, c part) error { return readS3(p, c, "s3uploader", false) }
func readS3Receiver(p *plan, c part) error { return readS3(p, c, "s3downloader", true) }

func readS3(p *plan, c part, section string, reads bool) error {
	var keys s3Keys
	if err := (part{c.name, c.sub(section)}).into(&keys); err != nil {
		return fmt.Errorf("%s: %w", section, err)
	}
	if keys.Directory != "" || c.text("directory", "") != "" || keys.Bucket == "" {
		return nil // a local folder, or an error that validate tells
	}
	endpoint := keys.Endpoint
	if endpoint != "" && keys.DisableSSL && !strings.Contains(endpoint, "://") {
		endpoint = "http://" + endpoint
	}
	prefix := ""
	for _, part := range []string{keys.BasePrefix, keys.Prefix} {
		if part = strings.Trim(part, "/"); part != "" {
			prefix += part + "/"
		}
	}
	p.targets = append(p.targets, target{component: c.name,
		options: awsclient.Options{Service: "s3", Region: keys.Region, Endpoint: endpoint, RoleARN: keys.RoleARN, ExternalID: keys.ExternalID},
		ask:     bucket{name: keys.Bucket, prefix: prefix, pathStyle: keys.PathStyle, reads: reads, sse: keys.SSE, key: keys.KMSKeyID},
	})
	return nil
}

func (b bucket) arn(region string) string {
	return fmt.Sprintf("arn:%s:s3:::%s", awsclient.Partition(region), b.name)
}

func (b bucket) ask(ctx context.Context, t target, client *awsclient.Client, o Options) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 3*o.Timeout)
	defer cancel()
	api := s3.NewFromConfig(client.SDKConfig(), func(options *s3.Options) { options.UsePathStyle = b.pathStyle })
	findings, goOn := b.head(ctx, t, client, api)
	switch {
	case !goOn:
		return findings
	case b.reads:
		return append(findings, b.read(ctx, t, client, api)...)
	case !o.Write:
		f := t.finding(Skip, "s3:PutObject is not tried")
		f.Fix = fmt.Sprintf("--write stores the small object %s in the bucket", b.prefix+probe)
		return append(findings, f)
	}
	return append(findings, b.write(ctx, t, client, api))
}

// head asks whether the bucket is there. The answer has no body.
func (b bucket) head(ctx context.Context, t target, client *awsclient.Client, api *s3.Client) (_ []Finding, goOn bool) {
	_, err := api.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.name})
	if err == nil {
		return []Finding{t.finding(OK, "bucket %s is there, and s3:ListBucket is allowed", b.name)}, true
	}
	switch _, _, status := refusal(err); status {
	case 0:
		return []Finding{t.unanswered(client.URL(), err)}, false
	case http.StatusNotFound:
		f := t.finding(Fail, "there is no bucket %s", b.name)
		f.Fix = "make it, or look for a typing error in s3_bucket"
		return []Finding{f}, false
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusBadRequest:
		f := t.finding(Fail, "bucket %s is in another region than %s: %v", b.name, client.Region(), err)
		f.Fix = "set region to that of the bucket"
		return []Finding{f}, false
	case http.StatusForbidden:
		if b.reads {
			return []Finding{t.denied("HeadBucket answers with 403", b.arn(client.Region()), "s3:ListBucket")}, true
		}
		f := t.finding(Warn, "bucket %s does not say whether it is there: s3:ListBucket is denied, which the exporter does not need, or the bucket belongs to others", b.name)
		return []Finding{f}, true
	default:
		return []Finding{t.finding(Fail, "%s answers with %v", client.URL(), err)}, true
	}
}

// write stores the probe, encrypted as the exporter would.
func (b bucket) write(ctx context.Context, t target, client *awsclient.Client, api *s3.Client) Finding {
	input := &s3.PutObjectInput{Bucket: &b.name, Key: aws.String(b.prefix + probe), Body: strings.NewReader("tailwaterctl doctor\n"),
		ServerSideEncryption: types.ServerSideEncryption(b.sse)}
	if b.key != "" {
		input.SSEKMSKeyId = &b.key
	}
	_, err := api.PutObject(ctx, input)
	if _, message, status := refusal(err); err != nil && status == http.StatusForbidden && strings.Contains(message, "kms:") {
		return t.denied(message, b.keyARN(), "kms:GenerateDataKey", "kms:Decrypt")
	}
	f, _ := t.judgeSDK(err, client.URL(), b.arn(client.Region())+"/"+b.prefix+"*", "s3:PutObject", "")
	if f.Status == OK {
		f.Text += fmt.Sprintf(": object %s is stored, and stays", b.prefix+probe)
	}
	return f
}

func (b bucket) keyARN() string {
	if strings.HasPrefix(b.key, "arn:") {
		return b.key
	}
	return "*"
}

// read lists one object of the prefix and looks at it.
func (b bucket) read(ctx context.Context, t target, client *awsclient.Client, api *s3.Client) (findings []Finding) {
	arn := b.arn(client.Region())
	list, err := api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &b.prefix, MaxKeys: aws.Int32(1)})
	if err != nil {
		f, _ := t.judgeSDK(err, client.URL(), arn, "s3:ListBucket", "")
		return append(findings, f)
	}
	if len(list.Contents) == 0 {
		return append(findings, t.finding(Warn, "there is nothing under s3://%s/%s", b.name, b.prefix))
	}
	_, err = api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: list.Contents[0].Key})
	f, _ := t.judgeSDK(err, client.URL(), arn+"/"+b.prefix+"*", "s3:GetObject", "")
	return append(findings, f)
}
