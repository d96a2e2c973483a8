package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"
)

// recorder answers requests and keeps the body of the last.
type recorder struct{ body []byte }

func (r *recorder) Do(request *http.Request) (*http.Response, error) {
	var err error
	if r.body, err = io.ReadAll(request.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
		Body:       io.NopCloser(strings.NewReader("{}")),
	}, nil
}

func taskDefinitions(t *testing.T) map[string]*ecs.RegisterTaskDefinitionInput {
	files, err := filepath.Glob("../deploy/ecs/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	definitions := map[string]*ecs.RegisterTaskDefinitionInput{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var input ecs.RegisterTaskDefinitionInput
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		require.NoError(t, decoder.Decode(&input), file)
		definitions[file] = &input
	}
	return definitions
}

// Each file has only members of the API's type, passes the SDK's own checks, and
// is what the SDK then sends.
func TestTaskDefinitions(t *testing.T) {
	for file, input := range taskDefinitions(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			sent := &recorder{}
			client := ecs.New(ecs.Options{
				Region:      "eu-west-1",
				Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
				HTTPClient:  sent,
				Retryer:     aws.NopRetryer{},
			})
			_, err := client.RegisterTaskDefinition(t.Context(), input)
			require.NoError(t, err)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.JSONEq(t, string(text), string(sent.body))
		})
	}
}

// The collector's container runs a configuration that is in the image, as
// nobody, with a health check and time to drain.
func TestTaskDefinitionsRunConfigs(t *testing.T) {
	for file, input := range taskDefinitions(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			found := false
			for _, c := range input.ContainerDefinitions {
				if *c.Name != "tailwater" {
					continue
				}
				found = true
				require.Equal(t, "65532:65532", *c.User)
				require.True(t, *c.ReadonlyRootFilesystem)
				require.Equal(t, []string{"CMD", "/usr/bin/tailwater-health"}, c.HealthCheck.Command)
				require.GreaterOrEqual(t, *c.StopTimeout, int32(30))
				require.Contains(t, c.Command, "--feature-gates=+"+statusGate)
				config := ""
				for _, arg := range c.Command {
					if path, ok := strings.CutPrefix(arg, "--config=/etc/tailwater/"); ok {
						config = path
					}
				}
				for _, variable := range c.Environment {
					t.Setenv(*variable.Name, *variable.Value)
				}
				if root := os.Getenv("TAILWATER_HOST_ROOT"); root != "" {
					t.Setenv("TAILWATER_HOST_ROOT", "/") // exists here too
				}
				dryRun(t, filepath.Join("../configs", config))
			}
			require.True(t, found)
		})
	}
}
