package awsclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// metadataTimeout bounds one question to a metadata service. They are one hop
// away; where there is none, packets often vanish instead of being refused.
const metadataTimeout = 2 * time.Second

var errMetadataOff = errors.New("not asked")

// metadata asks what ECS and EC2 say about this machine. The zero value asks
// nothing.
type metadata struct{ imds *imds.Client }

func newMetadata(cfg aws.Config, on bool) metadata {
	if !on {
		return metadata{}
	}
	return metadata{imds: imds.NewFromConfig(cfg, func(o *imds.Options) {
		o.Retryer = retry.AddWithMaxAttempts(aws.NopRetryer{}, 1)
	})}
}

// ecsTask is the part of ECS's answers that names the region.
type ecsTask struct {
	TaskARN string
}

func (t ecsTask) region() (string, error) {
	parsed, err := arn.Parse(t.TaskARN)
	if err != nil {
		return "", fmt.Errorf("TaskARN %q: %w", t.TaskARN, err)
	}
	return parsed.Region, nil
}

func (m metadata) ecsFileRegion() (string, error) {
	path := os.Getenv("ECS_CONTAINER_METADATA_FILE")
	switch {
	case m.imds == nil:
		return "", errMetadataOff
	case path == "":
		return "", errors.New("ECS_CONTAINER_METADATA_FILE is not set")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var task ecsTask
	if err := json.Unmarshal(text, &task); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return task.region()
}

func (m metadata) ecsRegion(ctx context.Context) (string, error) {
	base := os.Getenv("ECS_CONTAINER_METADATA_URI_V4")
	switch {
	case m.imds == nil:
		return "", errMetadataOff
	case base == "":
		return "", errors.New("ECS_CONTAINER_METADATA_URI_V4 is not set")
	}
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(base, "/")+"/task", nil)
	if err != nil {
		return "", err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d", reply.StatusCode)
	}
	var task ecsTask
	if err := json.NewDecoder(io.LimitReader(reply.Body, 1<<20)).Decode(&task); err != nil {
		return "", err
	}
	return task.region()
}

func (m metadata) ec2Region(ctx context.Context) (string, error) {
	if m.imds == nil {
		return "", errMetadataOff
	}
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	out, err := m.imds.GetRegion(ctx, nil)
	if err != nil {
		return "", err
	}
	return out.Region, nil
}

// Instance returns the host name and the id of the EC2 instance, each empty
// if the metadata service does not tell or must not be asked.
func (c *Client) Instance(ctx context.Context) (hostname, id string) {
	get := func(path string) string {
		if c.metadata.imds == nil {
			return ""
		}
		ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
		defer cancel()
		out, err := c.metadata.imds.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
		if err != nil {
			return ""
		}
		defer out.Content.Close()
		text, err := io.ReadAll(io.LimitReader(out.Content, 1024))
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text))
	}
	return get("hostname"), get("instance-id")
}
