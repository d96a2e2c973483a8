package awsclient

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRegion(t *testing.T) {
	ecs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v4/abc/task" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, `{"TaskARN":"arn:aws:ecs:ap-south-1:123456789012:task/c/1","Family":"f"}`)
	}))
	defer ecs.Close()
	ec2 := httptest.NewServer(http.HandlerFunc(fakeIMDS))
	defer ec2.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "config")
	require.NoError(t, os.WriteFile(config, []byte("[default]\nregion = eu-north-1\n"), 0o600))
	ecsFile := filepath.Join(dir, "ecs.json")
	require.NoError(t, os.WriteFile(ecsFile, []byte(`{"TaskARN":"arn:aws:ecs:sa-east-1:123456789012:task/c/1"}`), 0o600))

	for _, test := range []struct {
		name    string
		options Options
		env     map[string]string
		want    string
		from    string
	}{
		{"option first", Options{Region: "us-west-2"}, map[string]string{"AWS_REGION": "us-east-1"}, "us-west-2", "the option region"},
		{"AWS_REGION", Options{}, map[string]string{"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-2"}, "us-east-1", "AWS_REGION"},
		{"AWS_DEFAULT_REGION", Options{}, map[string]string{"AWS_DEFAULT_REGION": "us-east-2"}, "us-east-2", "AWS_DEFAULT_REGION"},
		{"shared config", Options{}, map[string]string{"AWS_CONFIG_FILE": config}, "eu-north-1", "the shared AWS config file"},
		{"endpoint", Options{Endpoint: "xray.eu-central-1.amazonaws.com"}, nil, "eu-central-1", "the host name of the endpoint"},
		{"ECS file", Options{}, map[string]string{"ECS_CONTAINER_METADATA_FILE": ecsFile, "ECS_CONTAINER_METADATA_URI_V4": ecs.URL + "/v4/abc"}, "sa-east-1", "the ECS metadata file"},
		{"ECS service", Options{}, map[string]string{"ECS_CONTAINER_METADATA_URI_V4": ecs.URL + "/v4/abc"}, "ap-south-1", "the ECS metadata service"},
		{"EC2", Options{}, map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": ec2.URL}, "ca-central-1", "the EC2 metadata service"},
		{"loopback needs none", Options{Endpoint: "127.0.0.1:2080"}, map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": ec2.URL}, "us-east-1", "nowhere, since the endpoint is on this machine"},
	} {
		t.Run(test.name, func(t *testing.T) {
			isolate(t)
			for key, value := range test.env {
				t.Setenv(key, value)
			}
			test.options.Service = "xray"
			c, err := New(t.Context(), test.options)
			require.NoError(t, err)
			defer c.Close()
			assert.Equal(t, test.want, c.Region())
			assert.Equal(t, test.from, c.regionFrom)
		})
	}
}

func fakeIMDS(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/latest/api/token":
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
		fmt.Fprint(w, "token")
	case "/latest/dynamic/instance-identity/document":
		fmt.Fprint(w, `{"region":"ca-central-1","instanceId":"i-0123456789abcdef0"}`)
	case "/latest/meta-data/hostname":
		fmt.Fprint(w, "ip-10-0-0-5.ca-central-1.compute.internal\n")
	case "/latest/meta-data/instance-id":
		fmt.Fprint(w, "i-0123456789abcdef0")
	default:
		http.NotFound(w, r)
	}
}

func TestRegionErrorNamesEverythingTried(t *testing.T) {
	isolate(t)
	t.Setenv("ECS_CONTAINER_METADATA_URI_V4", "http://127.0.0.1:1/v4/abc")
	_, err := New(t.Context(), Options{Service: "xray"})
	require.Error(t, err)
	for _, part := range []string{
		"the option region", "AWS_REGION", "AWS_DEFAULT_REGION", "the shared AWS config file", "the endpoint is not set",
		"ECS_CONTAINER_METADATA_FILE is not set", "the ECS metadata service (", "the EC2 metadata service (",
	} {
		assert.ErrorContains(t, err, part)
	}

	_, err = New(t.Context(), Options{Service: "xray", LocalMode: true})
	assert.ErrorContains(t, err, "the ECS metadata service (not asked), the EC2 metadata service (not asked)")

	_, err = New(t.Context(), Options{Service: "xray", Region: "evil.example/"})
	assert.ErrorContains(t, err, "is not the name of a region")
}

func TestInstance(t *testing.T) {
	isolate(t)
	ec2 := httptest.NewServer(http.HandlerFunc(fakeIMDS))
	defer ec2.Close()
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", ec2.URL)

	c, err := New(t.Context(), Options{Service: "xray", Region: "us-east-1"})
	require.NoError(t, err)
	host, id := c.Instance(t.Context())
	assert.Equal(t, "ip-10-0-0-5.ca-central-1.compute.internal", host)
	assert.Equal(t, "i-0123456789abcdef0", id)

	c, err = New(t.Context(), Options{Service: "xray", Region: "us-east-1", LocalMode: true})
	require.NoError(t, err)
	host, id = c.Instance(t.Context())
	assert.Empty(t, host+id)
}

func TestEndpoint(t *testing.T) {
	for _, test := range []struct {
		name    string
		options Options
		env     map[string]string
		want    string
	}{
		{"regional", Options{Region: "eu-west-1"}, nil, "https://xray.eu-west-1.amazonaws.com"},
		{"China", Options{Region: "cn-north-1"}, nil, "https://xray.cn-north-1.amazonaws.com.cn"},
		{"GovCloud", Options{Region: "us-gov-west-1"}, nil, "https://xray.us-gov-west-1.amazonaws.com"},
		{"iso", Options{Region: "us-iso-east-1"}, nil, "https://xray.us-iso-east-1.c2s.ic.gov"},
		{"isob", Options{Region: "us-isob-east-1"}, nil, "https://xray.us-isob-east-1.sc2s.sgov.gov"},
		{"European sovereign cloud", Options{Region: "eusc-de-east-1"}, nil, "https://xray.eusc-de-east-1.amazonaws.eu"},
		{"FIPS", Options{Region: "us-east-1"}, map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}, "https://xray-fips.us-east-1.amazonaws.com"},
		{"dual stack", Options{Region: "us-east-1"}, map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "https://xray.us-east-1.api.aws"},
		{"custom", Options{Region: "r", Endpoint: "https://vpce-1.example:8443/base/"}, nil, "https://vpce-1.example:8443/base"},
		{"no scheme", Options{Region: "r", Endpoint: "xray.internal:443"}, nil, "https://xray.internal:443"},
		{"no scheme on this machine", Options{Region: "r", Endpoint: "localhost:2080"}, nil, "http://localhost:2080"},
		{"TLS on this machine", Options{Region: "r", Endpoint: "https://[::1]:2080"}, nil, "https://[::1]:2080"},
		{"environment", Options{Region: "r"}, map[string]string{"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_XRAY": "http://b"}, "http://b"},
		{"environment for all", Options{Region: "r"}, map[string]string{"AWS_ENDPOINT_URL": "http://a"}, "http://a"},
		{"environment ignored", Options{Region: "us-east-1"}, map[string]string{"AWS_ENDPOINT_URL": "http://a", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "https://xray.us-east-1.amazonaws.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			isolate(t)
			for key, value := range test.env {
				t.Setenv(key, value)
			}
			test.options.Service = "xray"
			c, err := New(t.Context(), test.options)
			require.NoError(t, err)
			assert.Equal(t, test.want, c.URL())
		})
	}
	for _, bad := range []string{"ftp://x", "http://", "https://u:p@h", "http://h?q=1", "http://h\x00"} {
		assert.Error(t, ValidateEndpoint(bad), bad)
	}
	assert.NoError(t, ValidateEndpoint(""))
}

func TestRegionOfHost(t *testing.T) {
	for host, want := range map[string]string{
		"xray.eu-west-1.amazonaws.com":                 "eu-west-1",
		"xray-fips.us-east-1.amazonaws.com":            "us-east-1",
		"xray.cn-north-1.amazonaws.com.cn":             "cn-north-1",
		"xray.us-west-2.api.aws":                       "us-west-2",
		"vpce-0a-1b.xray.us-west-2.vpce.amazonaws.com": "us-west-2",
		"xray.example.com":                             "",
		"logs.eu-west-1.amazonaws.com":                 "",
		"xray.eu-west-1.amazonaws.com.evil.example":    "",
		"xray":      "",
		"localhost": "",
	} {
		assert.Equal(t, want, regionOfHost("xray", host), host)
	}
}

func TestProxy(t *testing.T) {
	isolate(t)
	t.Setenv("HTTPS_PROXY", "http://env.example:3128")
	t.Setenv("NO_PROXY", "direct.example")
	for _, test := range []struct{ option, url, want string }{
		{"", "https://xray.us-east-1.amazonaws.com/", "http://env.example:3128"},
		{"", "https://direct.example/", ""},
		{"", "http://169.254.169.254/latest", ""},
		{"opt.example:8080", "https://xray.us-east-1.amazonaws.com/", "http://opt.example:8080"},
		{"https://opt.example:8080", "https://direct.example/", "https://opt.example:8080"},
		{"opt.example:8080", "http://169.254.170.2/creds", ""},
		{"opt.example:8080", "http://[fd00:ec2::254]/latest", ""},
		{"opt.example:8080", "http://127.0.0.1:2080/", ""},
	} {
		proxy, err := proxyFunc(test.option)
		require.NoError(t, err)
		request, err := http.NewRequest(http.MethodPost, test.url, nil)
		require.NoError(t, err)
		got, err := proxy(request)
		require.NoError(t, err)
		if test.want == "" {
			assert.Nil(t, got, "%+v", test)
		} else {
			assert.Equal(t, test.want, got.String(), "%+v", test)
		}
	}
	_, err := proxyFunc("http://")
	assert.ErrorContains(t, err, "proxy_address")
}
