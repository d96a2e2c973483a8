package awsidentity

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// ecs asks the task metadata endpoint, version 4
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html).
type ecs struct {
	machine Machine
	options Options
	client  *http.Client
}

const ecsPlatform = "aws_ecs"

// ecsContainer is a container of a task.
type ecsContainer struct {
	DockerID     string `json:"DockerId"`
	Name         string
	ContainerARN string
	Type         string
	LogDriver    string
	LogOptions   map[string]string
}

// ecsTask is a task.
type ecsTask struct {
	Cluster          string
	TaskARN          string
	Family           string
	Revision         string
	AvailabilityZone string
	LaunchType       string
	Containers       []ecsContainer
}

func (e *ecs) endpoint() string {
	return strings.TrimRight(e.machine.Getenv("ECS_CONTAINER_METADATA_URI_V4"), "/")
}

func (e *ecs) source() Source {
	return Source{
		Name:     "ecs",
		Platform: ecsPlatform,
		Claims:   func() bool { return e.endpoint() != "" },
		Detect: func(ctx context.Context) (pcommon.Map, error) {
			base := e.endpoint()
			if base == "" {
				return pcommon.Map{}, ErrAbsent
			}
			var self ecsContainer
			if err := getJSON(ctx, e.client, base, nil, &self); err != nil {
				return pcommon.Map{}, err
			}
			var task ecsTask
			if err := getJSON(ctx, e.client, base+"/task", nil, &task); err != nil {
				return pcommon.Map{}, err
			}
			return task.attributes(self, e.options.Scope), nil
		},
	}
}

// attributes returns what the task says to a process in its container self.
func (t *ecsTask) attributes(self ecsContainer, scope Scope) pcommon.Map {
	attrs := platform(ecsPlatform)
	place, ok := splitARN(t.TaskARN)
	if !ok {
		place, _ = splitARN(self.ContainerARN)
	}
	put(attrs, "cloud.account.id", place.account)
	put(attrs, "cloud.region", place.region)
	put(attrs, "cloud.availability_zone", t.AvailabilityZone)
	put(attrs, "aws.ecs.launchtype", strings.ToLower(t.LaunchType))
	put(attrs, "aws.ecs.cluster.arn", place.clusterARN(t.Cluster))

	applications := t.applications(self, scope)
	if len(applications) == 0 {
		return attrs // alone in its task: what it takes in comes from other tasks
	}
	put(attrs, "aws.ecs.task.arn", t.TaskARN)
	put(attrs, "aws.ecs.task.family", t.Family)
	put(attrs, "aws.ecs.task.revision", t.Revision)
	if len(applications) == 1 {
		c := applications[0]
		put(attrs, "container.name", c.Name)
		put(attrs, "container.id", c.DockerID)
		put(attrs, "aws.ecs.container.arn", c.ContainerARN)
	}
	var names, arns []string
	for _, c := range applications {
		name := c.LogOptions["awslogs-group"]
		if c.LogDriver != "awslogs" || name == "" || slices.Contains(names, name) {
			continue
		}
		names = append(names, name)
		at := place
		if region := c.LogOptions["awslogs-region"]; region != "" {
			at.region = region
		}
		if at.account != "" && at.region != "" {
			arns = append(arns, "arn:"+at.partition+":logs:"+at.region+":"+at.account+":log-group:"+name+":*")
		}
	}
	putList(attrs, "aws.log.group.names", names)
	if len(arns) == len(names) {
		putList(attrs, "aws.log.group.arns", arns)
	}
	return attrs
}

// applications returns the containers that spans may come from.
func (t *ecsTask) applications(self ecsContainer, scope Scope) []ecsContainer {
	switch scope {
	case Container:
		return []ecsContainer{self}
	case Node:
		return nil
	}
	var others []ecsContainer
	for _, c := range t.Containers {
		// Containers of another type are ECS's own, such as that which
		// holds the network.
		if c.DockerID != self.DockerID && (c.Type == "" || c.Type == "NORMAL") {
			others = append(others, c)
		}
	}
	return others
}

// clusterARN completes the name of a cluster, which older agents give, to its ARN.
func (p arnParts) clusterARN(cluster string) string {
	if cluster == "" || strings.HasPrefix(cluster, "arn:") || p.account == "" {
		return cluster
	}
	return "arn:" + p.partition + ":ecs:" + p.region + ":" + p.account + ":cluster/" + cluster
}
