package segmentspan

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// identity is what a resource says in standard attributes about where a
// segment comes from. Both directions go through it: a segment's identity is
// chosen and written to the resource, a resource's identity is read, and the
// same methods derive the members of the document from it.
type identity struct {
	serviceName, serviceVersion, serviceNamespace, serviceInstance string
	runtimeName, runtimeVersion                                    string
	provider, platform, account, zone                              string
	hostID, hostType, hostImage                                    string
	containerName, containerID                                     string
	launchType, containerARN, clusterARN, taskARN, taskFamily      string
	cluster, pod                                                   string
	sdkName, sdkLanguage, sdkVersion                               string
	logNames, logARNs                                              []string
	auto                                                           bool // instrumented without code
}

// identify chooses the identity that gives back as much of the segment as one
// resource can say.
func identify(s *segment.Segment) identity {
	id := identity{serviceName: s.Name, platform: platformOf(s.Origin)}
	if strings.HasPrefix(s.Origin, "AWS::") || s.AWS != nil {
		id.provider = "aws"
	}
	if s.Service != nil {
		id.serviceVersion = s.Service.Version
		id.runtimeName = s.Service.Runtime
		id.runtimeVersion = s.Service.RuntimeVersion
	}
	a := s.AWS
	if a == nil {
		return id
	}
	id.account = a.AccountID
	id.logNames, id.logARNs = logGroupLists(a.CloudWatchLogs)
	if a.EC2 != nil {
		id.hostID, id.hostType, id.hostImage = a.EC2.InstanceID, a.EC2.InstanceSize, a.EC2.AMIID
		if id.onEC2() {
			id.zone = a.EC2.AvailabilityZone
		} else {
			id.hostID, id.hostType, id.hostImage = "", "", ""
		}
	}
	if e := a.ECS; e != nil {
		id.launchType, id.containerARN, id.clusterARN = e.LaunchType, e.ContainerARN, e.ClusterARN
		id.taskARN, id.taskFamily = e.TaskARN, e.TaskFamily
		if id.onECS() {
			id.containerName, id.containerID = e.Container, e.ContainerID
			if id.zone == "" {
				id.zone = e.AvailabilityZone
			}
		}
	}
	if e := a.EKS; e != nil {
		id.cluster, id.pod = e.ClusterName, e.Pod
		if !id.onEKS() {
			id.pod = ""
		} else if id.containerID == "" {
			id.containerID = e.ContainerID
		}
	}
	if b := a.ElasticBeanstalk; b != nil && id.onBeanstalk() {
		id.serviceNamespace = b.EnvironmentName
		if id.serviceVersion == "" {
			id.serviceVersion = b.VersionLabel
		}
		if b.DeploymentID.Form != segment.NoInt {
			id.serviceInstance = strconv.FormatInt(b.DeploymentID.Value, 10)
		}
	}
	if x := a.XRay; x != nil {
		id.sdkName, id.sdkLanguage = splitSDK(x.SDK)
		id.sdkVersion = x.SDKVersion
	}
	return id
}

// write puts the identity into a resource.
func (id *identity) write(attrs pcommon.Map) {
	attrs.EnsureCapacity(16)
	put := func(k key, value string) {
		if value != "" {
			attrs.PutStr(keyNames[k], value)
		}
	}
	put(keyServiceName, id.serviceName)
	put(keyServiceVersion, id.serviceVersion)
	put(keyServiceNamespace, id.serviceNamespace)
	put(keyServiceInstanceID, id.serviceInstance)
	put(keyRuntimeName, id.runtimeName)
	put(keyRuntimeVersion, id.runtimeVersion)
	put(keyCloudProvider, id.provider)
	put(keyCloudPlatform, id.platform)
	put(keyCloudAccountID, id.account)
	put(keyCloudAvailabilityZone, id.zone)
	put(keyHostID, id.hostID)
	put(keyHostType, id.hostType)
	put(keyHostImageID, id.hostImage)
	put(keyContainerName, id.containerName)
	put(keyContainerID, id.containerID)
	put(keyECSLaunchType, id.launchType)
	put(keyECSContainerARN, id.containerARN)
	put(keyECSClusterARN, id.clusterARN)
	put(keyECSTaskARN, id.taskARN)
	put(keyECSTaskFamily, id.taskFamily)
	put(keyK8sClusterName, id.cluster)
	put(keyK8sPodName, id.pod)
	put(keyTelemetrySDKName, id.sdkName)
	put(keyTelemetrySDKLanguage, id.sdkLanguage)
	put(keyTelemetrySDKVersion, id.sdkVersion)
	putList := func(k key, values []string) {
		if len(values) == 0 {
			return
		}
		list := attrs.PutEmptySlice(keyNames[k])
		for _, v := range values {
			list.AppendEmpty().SetStr(v)
		}
	}
	putList(keyLogGroupNames, id.logNames)
	putList(keyLogGroupARNs, id.logARNs)
}

// readIdentity reads the identity of a resource. What the derived members
// show counts as used.
func readIdentity(r *reader) identity {
	id := identity{
		serviceName:    r.str(keyServiceName),
		serviceVersion: r.str(keyServiceVersion),
		runtimeName:    r.str(keyRuntimeName),
		runtimeVersion: r.str(keyRuntimeVersion),
		provider:       r.peek(keyCloudProvider),
		sdkLanguage:    r.peek(keyTelemetrySDKLanguage),
	}
	if id.serviceVersion == "" {
		if tags := r.strings(keyContainerImageTags, nil); len(tags) > 0 {
			id.serviceVersion = tags[0]
		} else {
			id.serviceVersion = r.str(keyContainerImageTag)
		}
	}
	if !id.onAWS() {
		return id
	}
	id.platform = r.peek(keyCloudPlatform)
	id.account = r.str(keyCloudAccountID)
	id.zone = r.peek(keyCloudAvailabilityZone)
	id.hostID, id.hostType, id.hostImage = r.peek(keyHostID), r.peek(keyHostType), r.peek(keyHostImageID)
	id.containerName, id.containerID = r.peek(keyContainerName), r.peek(keyContainerID)
	id.launchType, id.containerARN = r.peek(keyECSLaunchType), r.peek(keyECSContainerARN)
	id.clusterARN, id.taskARN, id.taskFamily = r.peek(keyECSClusterARN), r.peek(keyECSTaskARN), r.peek(keyECSTaskFamily)
	id.cluster, id.pod = r.peek(keyK8sClusterName), r.peek(keyK8sPodName)
	id.sdkName, id.sdkVersion = r.str(keyTelemetrySDKName), r.str(keyTelemetrySDKVersion)
	id.logNames, id.logARNs = logGroupStrings(r, keyLogGroupNames), logGroupStrings(r, keyLogGroupARNs)

	for _, k := range [...]key{keyTelemetryAutoVersion, keyTelemetryDistroVersion} {
		id.auto = id.auto || r.have.has(k)
	}
	r.use(keyCloudProvider)
	if id.origin() != "" {
		r.use(keyCloudPlatform)
	}
	if id.sdkName != "" {
		r.use(keyTelemetrySDKLanguage)
	}
	if id.onEC2() {
		r.use(keyHostID, keyHostType, keyHostImageID, keyCloudAvailabilityZone)
	}
	if id.onECS() {
		r.use(keyContainerName, keyContainerID, keyCloudAvailabilityZone, keyECSLaunchType, keyECSContainerARN,
			keyECSClusterARN, keyECSTaskARN, keyECSTaskFamily)
	}
	if id.onEKS() {
		r.use(keyK8sClusterName, keyK8sPodName, keyContainerID)
	}
	if id.onBeanstalk() {
		id.serviceNamespace = r.str(keyServiceNamespace)
		id.serviceInstance = r.peek(keyServiceInstanceID)
		if _, ok := id.deploymentID(); ok {
			r.use(keyServiceInstanceID)
		}
	}
	return id
}

// onAWS says whether the cloud may be AWS.
func (id *identity) onAWS() bool {
	return id.provider == "" || strings.EqualFold(id.provider, "aws")
}

func (id *identity) on(platform string) bool {
	return id.onAWS() && strings.EqualFold(id.platform, platform)
}

// onEC2 takes a host for an EC2 instance if the cloud is said to be AWS or the
// host's id is that of an instance: every machine has some host.id.
func (id *identity) onEC2() bool {
	return id.on("aws_ec2") || id.onAWS() && id.hostID != "" && (id.provider != "" || strings.HasPrefix(id.hostID, "i-"))
}

func (id *identity) onECS() bool {
	return id.on("aws_ecs") || id.onAWS() &&
		(id.launchType != "" || id.containerARN != "" || id.clusterARN != "" || id.taskARN != "" || id.taskFamily != "")
}

func (id *identity) onEKS() bool { return id.on("aws_eks") || id.onAWS() && id.cluster != "" }

func (id *identity) onBeanstalk() bool { return id.on("aws_elastic_beanstalk") }

func (id *identity) ec2() (b segment.EC2) {
	if id.onEC2() {
		b.InstanceID, b.InstanceSize, b.AMIID, b.AvailabilityZone = id.hostID, id.hostType, id.hostImage, id.zone
	}
	return b
}

func (id *identity) ecs() (b segment.ECS) {
	if id.onECS() {
		b.Container, b.ContainerID, b.AvailabilityZone = id.containerName, id.containerID, id.zone
		b.ContainerARN, b.ClusterARN, b.TaskARN = id.containerARN, id.clusterARN, id.taskARN
		b.TaskFamily, b.LaunchType = id.taskFamily, id.launchType
	}
	return b
}

func (id *identity) eks() (b segment.EKS) {
	if id.onEKS() {
		b.ClusterName, b.Pod, b.ContainerID = id.cluster, id.pod, id.containerID
	}
	return b
}

func (id *identity) deploymentID() (int64, bool) {
	n, err := strconv.ParseInt(id.serviceInstance, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == id.serviceInstance
}

func (id *identity) beanstalk() (b segment.ElasticBeanstalk) {
	if id.onBeanstalk() {
		b.EnvironmentName, b.VersionLabel = id.serviceNamespace, id.serviceVersion
		if n, ok := id.deploymentID(); ok {
			b.DeploymentID = segment.Int{Value: n, Form: segment.NumberInt}
		}
	}
	return b
}
