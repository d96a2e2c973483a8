package awsidentity

import (
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

const identityDocument = `{"accountId": "111122223333", "architecture": "x86_64", "availabilityZone": "us-west-2b",
 "imageId": "ami-5fb8c835", "instanceId": "i-1234567890abcdef0", "instanceType": "t2.micro", "pendingTime": "2016-11-19T16:32:11Z",
 "privateIp": "10.158.112.84", "region": "us-west-2", "version": "2017-09-30"}`

// Nothing is found on a machine that is none of AWS.
func TestElsewhere(t *testing.T) {
	m := newMachine(t)
	for _, source := range Sources(m.machine(), Options{}) {
		require.False(t, source.Claims(), source.Name)
		_, err := source.Detect(t.Context())
		require.ErrorIs(t, err, ErrAbsent, source.Name)
	}
}

func TestNamesAreThoseOfSources(t *testing.T) {
	var names []string
	for _, source := range Sources(Machine{}, Options{}) {
		names = append(names, source.Name)
	}
	require.Equal(t, Names(), names)
}

func TestEC2(t *testing.T) {
	m := newMachine(t)
	m.serveIMDS(identityDocument)
	attrs, err := m.detect("ec2", Options{})
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"cloud.provider": "aws", "cloud.platform": "aws_ec2", "cloud.account.id": "111122223333",
		"cloud.region": "us-west-2", "cloud.availability_zone": "us-west-2b",
		"host.id": "i-1234567890abcdef0", "host.type": "t2.micro", "host.image.id": "ami-5fb8c835",
	}, attrs)
}

// A metadata service that does not answer, and one that answers nonsense, may
// do better later.
func TestEC2Fails(t *testing.T) {
	for name, document := range map[string]string{"no JSON": "<html>", "no instance": `{"region": "us-west-2"}`} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.serveIMDS(document)
			_, err := m.detect("ec2", Options{})
			require.Error(t, err)
			require.NotErrorIs(t, err, ErrAbsent)
		})
	}
	t.Run("refused", func(t *testing.T) {
		closed := httptest.NewServer(nil)
		closed.Close()
		m := newMachine(t)
		m.env["AWS_EC2_METADATA_DISABLED"], m.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "", closed.URL
		_, err := m.detect("ec2", Options{})
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrAbsent)
	})
}

func TestElasticBeanstalk(t *testing.T) {
	m := newMachine(t)
	m.write(beanstalkConf(), `{"deployment_id":32,"version_label":"app-5a56-170119_190650","environment_name":"scorekeep"}`)
	require.True(t, m.claims("elastic_beanstalk"))
	attrs, err := m.detect("elastic_beanstalk", Options{})
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"cloud.provider": "aws", "cloud.platform": "aws_elastic_beanstalk", "service.namespace": "scorekeep",
		"service.version": "app-5a56-170119_190650", "service.instance.id": "32", "deployment.environment.name": "scorekeep",
	}, attrs)

	m.write(beanstalkConf(), `{"deployment_id":`)
	_, err = m.detect("elastic_beanstalk", Options{})
	require.ErrorContains(t, err, "environment.conf")
}

func TestLambda(t *testing.T) {
	m := newMachine(t)
	for key, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_LAMBDA_FUNCTION_NAME": "resize", "AWS_LAMBDA_FUNCTION_VERSION": "7",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/resize", "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/01/[7]abc",
	} {
		m.env[key] = value
	}
	require.True(t, m.claims("lambda"))
	attrs, err := m.detect("lambda", Options{})
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"cloud.provider": "aws", "cloud.platform": "aws_lambda", "cloud.region": "eu-west-1", "faas.name": "resize",
		"faas.version": "7", "faas.instance": "2026/11/01/[7]abc", "aws.log.group.names": []any{"/aws/lambda/resize"},
	}, attrs)
}

func FuzzParse(f *testing.F) {
	f.Add(`{"deployment_id":32,"version_label":"a","environment_name":"b"}`)
	f.Add("e30.eyJpc3MiOiJodHRwczovL29pZGMuZWtzLnVzLXdlc3QtMi5hbWF6b25hd3MuY29tL2lkL0EifQ.c2ln")
	task, err := os.ReadFile("testdata/ecs-task.json")
	require.NoError(f, err)
	f.Add(string(task))
	f.Fuzz(func(t *testing.T, text string) {
		if attrs, err := parseBeanstalk("aws_elastic_beanstalk", []byte(text)); err == nil {
			require.GreaterOrEqual(t, attrs.Len(), 2)
		}
		if token, err := parseToken(text); err == nil {
			require.NotContains(t, token.region(), "/")
		}
		parseTaskForFuzz(t, text)
	})
}
