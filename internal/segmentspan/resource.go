package segmentspan

import (
	"strconv"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// blocks writes what of the segment's identity its resource does not say.
// derived is w.none for a subsegment, which has no say in the resource.
func (w *writer) blocks(s *segment.Segment, derived *identity) {
	service := segment.Service{}
	if s.Service != nil {
		service = *s.Service
	}
	w.derived("/service/version", service.Version, derived.serviceVersion)
	w.derived("/service/runtime", service.Runtime, derived.runtimeName)
	w.derived("/service/runtime_version", service.RuntimeVersion, derived.runtimeVersion)
	w.str(keyServiceBlockName, service.Name)
	w.str(keyServiceCompiler, service.Compiler)
	w.str(keyServiceCompilerVersion, service.CompilerVersion)
	w.extra("/service", service.Extra)

	a := s.AWS
	if a == nil {
		a = &segment.AWS{}
	}
	w.ec2(a.EC2, derived.ec2())
	w.ecs(a.ECS, derived.ecs())
	w.eks(a.EKS, derived.eks())
	w.beanstalk(a.ElasticBeanstalk, derived.beanstalk())
	xray := segment.XRay{}
	if a.XRay != nil {
		xray = *a.XRay
	}
	w.derived("/aws/xray/sdk", xray.SDK, derived.sdk())
	w.derived("/aws/xray/sdk_version", xray.SDKVersion, derived.sdkVersion)
	w.bool(keyAutoInstrumentation, xray.AutoInstrumentation)
	if derived == &w.none {
		w.text("/aws/xray/sampling_rule_name", xray.SamplingRuleName)
	} else {
		w.str(keySamplingRuleName, xray.SamplingRuleName)
	}
	w.extra("/aws/xray", xray.Extra)
	if len(a.CloudWatchLogs) > 0 && len(derived.logNames)+len(derived.logARNs) == 0 {
		w.json("/aws/cloudwatch_logs", logGroupsJSON(a.CloudWatchLogs))
	}
}

func (w *writer) ec2(actual *segment.EC2, derived segment.EC2) {
	b := segment.EC2{}
	if actual != nil {
		b = *actual
	}
	w.derived("/aws/ec2/instance_id", b.InstanceID, derived.InstanceID)
	w.derived("/aws/ec2/instance_size", b.InstanceSize, derived.InstanceSize)
	w.derived("/aws/ec2/ami_id", b.AMIID, derived.AMIID)
	w.derived("/aws/ec2/availability_zone", b.AvailabilityZone, derived.AvailabilityZone)
	w.extra("/aws/ec2", b.Extra)
}

func (w *writer) ecs(actual *segment.ECS, derived segment.ECS) {
	b := segment.ECS{}
	if actual != nil {
		b = *actual
	}
	w.derived("/aws/ecs/container", b.Container, derived.Container)
	w.derived("/aws/ecs/container_id", b.ContainerID, derived.ContainerID)
	w.derived("/aws/ecs/container_arn", b.ContainerARN, derived.ContainerARN)
	w.derived("/aws/ecs/cluster_arn", b.ClusterARN, derived.ClusterARN)
	w.derived("/aws/ecs/task_arn", b.TaskARN, derived.TaskARN)
	w.derived("/aws/ecs/task_family", b.TaskFamily, derived.TaskFamily)
	w.derived("/aws/ecs/launch_type", b.LaunchType, derived.LaunchType)
	w.derived("/aws/ecs/availability_zone", b.AvailabilityZone, derived.AvailabilityZone)
	w.extra("/aws/ecs", b.Extra)
}

func (w *writer) eks(actual *segment.EKS, derived segment.EKS) {
	b := segment.EKS{}
	if actual != nil {
		b = *actual
	}
	w.derived("/aws/eks/cluster_name", b.ClusterName, derived.ClusterName)
	w.derived("/aws/eks/pod", b.Pod, derived.Pod)
	w.derived("/aws/eks/container_id", b.ContainerID, derived.ContainerID)
	w.extra("/aws/eks", b.Extra)
}

func (w *writer) beanstalk(actual *segment.ElasticBeanstalk, derived segment.ElasticBeanstalk) {
	b := segment.ElasticBeanstalk{}
	if actual != nil {
		b = *actual
	}
	w.derived("/aws/elastic_beanstalk/environment_name", b.EnvironmentName, derived.EnvironmentName)
	w.derived("/aws/elastic_beanstalk/version_label", b.VersionLabel, derived.VersionLabel)
	switch {
	case b.DeploymentID == derived.DeploymentID:
	case b.DeploymentID.Form == segment.NoInt:
		mark(&w.absent, pointerDeployment)
	case b.DeploymentID.Value == derived.DeploymentID.Value && derived.DeploymentID.Form != segment.NoInt:
		mark(&w.quoted, pointerDeployment)
	default:
		w.json(pointerDeployment, intJSON(b.DeploymentID))
	}
	w.extra("/aws/elastic_beanstalk", b.Extra)
}

const pointerDeployment = "/aws/elastic_beanstalk/deployment_id"

func intJSON(n segment.Int) string {
	text := strconv.FormatInt(n.Value, 10)
	if n.Form == segment.StringInt {
		return `"` + text + `"`
	}
	return text
}

// resourceBlocks gives a segment what its resource says.
func (m *mapper) resourceBlocks(e *entity, res *resource) {
	id := &res.identity
	s := &e.seg
	s.Origin = res.origin
	if id.serviceVersion != "" || id.runtimeName != "" || id.runtimeVersion != "" {
		b := e.serviceBlock()
		b.Version, b.Runtime, b.RuntimeVersion = id.serviceVersion, id.runtimeName, id.runtimeVersion
	}
	if id.account != "" {
		if a := e.awsBlock(); a.AccountID == "" {
			a.AccountID = id.account
		}
	}
	if b := id.ec2(); b.InstanceID != "" || b.InstanceSize != "" || b.AMIID != "" || b.AvailabilityZone != "" {
		e.ec2 = b
		e.awsBlock().EC2 = &e.ec2
	}
	if b := id.ecs(); b.Container != "" || b.ContainerID != "" || b.ContainerARN != "" || b.ClusterARN != "" ||
		b.TaskARN != "" || b.TaskFamily != "" || b.LaunchType != "" || b.AvailabilityZone != "" {
		e.ecs = b
		e.awsBlock().ECS = &e.ecs
	}
	if b := id.eks(); b.ClusterName != "" || b.Pod != "" || b.ContainerID != "" {
		e.eks = b
		e.awsBlock().EKS = &e.eks
	}
	if b := id.beanstalk(); b.EnvironmentName != "" || b.VersionLabel != "" || b.DeploymentID.Form != segment.NoInt {
		e.beanstalk = b
		e.awsBlock().ElasticBeanstalk = &e.beanstalk
	}
	if sdk := res.sdk; sdk != "" || id.sdkVersion != "" {
		x := e.xrayBlock()
		x.SDK, x.SDKVersion = sdk, id.sdkVersion
	}
	if len(res.logGroups) > 0 {
		e.awsBlock().CloudWatchLogs = res.logGroups
	}
}
