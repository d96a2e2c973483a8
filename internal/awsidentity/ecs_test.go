package awsidentity

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestECS(t *testing.T) {
	const place, task = "arn:aws:ecs:us-west-2:111122223333:", "task/default/e9028f8d5d8e4f258373e7b93ce9a3c3"
	sidecar := map[string]any{
		"cloud.provider": "aws", "cloud.platform": "aws_ecs", "cloud.account.id": "111122223333", "cloud.region": "us-west-2",
		"cloud.availability_zone": "us-west-2d", "aws.ecs.launchtype": "fargate", "aws.ecs.cluster.arn": place + "cluster/default",
		"aws.ecs.task.arn": place + task, "aws.ecs.task.family": "shop", "aws.ecs.task.revision": "26",
		"container.name": "checkout", "container.id": "cd189a933e5849daa93386466019ab50-4711",
		"aws.ecs.container.arn": place + "container/checkout/2",
		"aws.log.group.names":   []any{"/ecs/checkout"},
		"aws.log.group.arns":    []any{"arn:aws:logs:us-west-2:111122223333:log-group:/ecs/checkout:*"},
	}
	own := map[string]any{}
	for key, value := range sidecar {
		own[key] = value
	}
	own["container.name"], own["container.id"] = "collector", "cd189a933e5849daa93386466019ab50-2495160603"
	own["aws.ecs.container.arn"] = place + "container/collector/1"
	own["aws.log.group.names"] = []any{"/ecs/collector"}
	own["aws.log.group.arns"] = []any{"arn:aws:logs:us-west-2:111122223333:log-group:/ecs/collector:*"}
	node := map[string]any{}
	for _, key := range []string{"cloud.provider", "cloud.platform", "cloud.account.id", "cloud.region", "cloud.availability_zone", "aws.ecs.launchtype", "aws.ecs.cluster.arn"} {
		node[key] = sidecar[key]
	}

	for _, test := range []struct {
		name, task string
		scope      Scope
		want       map[string]any
	}{
		{"sidecar", "ecs-task.json", "", sidecar},
		{"own container", "ecs-task.json", Container, own},
		{"node", "ecs-task.json", Node, node},
		// A daemon service is alone in its task, and nothing of that task is
		// the application's. The cluster's name is completed.
		{"alone", "ecs-daemon-task.json", Task, map[string]any{
			"cloud.provider": "aws", "cloud.platform": "aws_ecs", "cloud.account.id": "111122223333", "cloud.region": "us-west-2",
			"aws.ecs.launchtype": "ec2", "aws.ecs.cluster.arn": place + "cluster/default",
		}},
		// Of several containers nobody can say which one it was. A log group
		// without a region is in that of the task.
		{"several", "ecs-many-task.json", Task, map[string]any{
			"cloud.provider": "aws", "cloud.platform": "aws_ecs", "cloud.account.id": "111122223333", "cloud.region": "cn-north-1",
			"cloud.availability_zone": "cn-north-1a", "aws.ecs.launchtype": "ec2",
			"aws.ecs.cluster.arn": "arn:aws-cn:ecs:cn-north-1:111122223333:cluster/default",
			"aws.ecs.task.arn":    "arn:aws-cn:ecs:cn-north-1:111122223333:task/default/e9028f8d",
			"aws.ecs.task.family": "shop", "aws.ecs.task.revision": "3",
			"aws.log.group.names": []any{"/ecs/shop"},
			"aws.log.group.arns":  []any{"arn:aws-cn:logs:cn-north-1:111122223333:log-group:/ecs/shop:*"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMachine(t)
			m.serveTask("ecs-collector.json", test.task)
			require.True(t, m.claims("ecs"))
			attrs, err := m.detect("ecs", Options{Scope: test.scope})
			require.NoError(t, err)
			require.Equal(t, test.want, attrs)
		})
	}
}

func TestECSFails(t *testing.T) {
	m := newMachine(t)
	m.serveTask("ecs-collector.json", "no-such-file.json")
	_, err := m.detect("ecs", Options{})
	require.ErrorContains(t, err, "/v4/x/task answers 404")
}

// parseTaskForFuzz reads the text as the container and the task that it is in.
func parseTaskForFuzz(t *testing.T, text string) {
	var self ecsContainer
	var task ecsTask
	if json.Unmarshal([]byte(text), &self) != nil || json.Unmarshal([]byte(text), &task) != nil {
		return
	}
	for _, scope := range []Scope{Task, Node, Container} {
		require.GreaterOrEqual(t, task.attributes(self, scope).Len(), 2)
	}
}
