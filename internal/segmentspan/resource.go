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

func (id *identity) onEC2() bool { return id.onAWS() && id.hostID != "" || id.on("aws_ec2") }

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

// sdk derives aws.xray.sdk.
func (id *identity) sdk() string {
	// Contrib's receiver leaves the language in the name.
	if id.sdkName == "" || id.sdkLanguage == "" || strings.Contains(id.sdkName, " for ") {
		return id.sdkName
	}
	if id.sdkName == xraySDK {
		for _, l := range xrayLanguages {
			if l.semconv == id.sdkLanguage {
				return xraySDK + " for " + l.xray
			}
		}
	}
	return id.sdkName + " for " + id.sdkLanguage
}

const xraySDK = "X-Ray"

// xrayLanguages are the languages as the X-Ray SDKs and as the semantic
// conventions spell them.
var xrayLanguages = []struct{ xray, semconv string }{
	{"Go", "go"}, {"Java", "java"}, {"Python", "python"}, {"Node.js", "nodejs"}, {"Ruby", "ruby"}, {".NET", "dotnet"},
}

// splitSDK splits "X-Ray for Go" into a name and a language.
func splitSDK(sdk string) (name, language string) {
	at := strings.LastIndex(sdk, " for ")
	if at <= 0 || at+len(" for ") == len(sdk) {
		return sdk, ""
	}
	name, language = sdk[:at], sdk[at+len(" for "):]
	if name == xraySDK {
		for _, l := range xrayLanguages {
			if l.xray == language {
				return name, l.semconv
			}
		}
	}
	return name, language
}

// logGroupLists returns the list that says all about the groups: their ARNs,
// or their names. Both are nil if neither does.
func logGroupLists(groups []segment.LogGroup) (names, arns []string) {
	for _, g := range groups {
		switch {
		case len(g.Extra) > 0:
			return nil, nil
		case g.ARN != "" && g.Name == logGroupName(g.ARN) && len(names) == 0:
			arns = append(arns, g.ARN)
		case g.ARN == "" && g.Name != "" && len(arns) == 0:
			names = append(names, g.Name)
		default:
			return nil, nil
		}
	}
	return names, arns
}

// logGroupName returns the name in a log group's ARN,
// arn:aws:logs:REGION:ACCOUNT:log-group:NAME or …:NAME:*.
func logGroupName(arn string) string {
	_, name, found := strings.Cut(arn, ":log-group:")
	if !found {
		return ""
	}
	name, _, _ = strings.Cut(name, ":")
	return name
}

// logGroupStrings reads a list of log groups: a list of strings, or one string
// with "&" between them.
func logGroupStrings(r *reader, k key) []string {
	if !r.have.has(k) {
		return nil
	}
	if v := r.vals[k]; v.Type() == pcommon.ValueTypeStr {
		if v.Str() == "" {
			return nil
		}
		r.used.add(k)
		return strings.Split(v.Str(), "&")
	}
	return r.strings(k, nil)
}

// logGroups derives aws.cloudwatch_logs.
func (id *identity) logGroups(dst []segment.LogGroup) []segment.LogGroup {
	for _, arn := range id.logARNs {
		if arn != "" {
			dst = append(dst, segment.LogGroup{Name: logGroupName(arn), ARN: arn})
		}
	}
	if len(id.logARNs) == 0 {
		for _, name := range id.logNames {
			if name != "" {
				dst = append(dst, segment.LogGroup{Name: name})
			}
		}
	}
	return dst
}

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

func logGroupsJSON(groups []segment.LogGroup) string {
	out := []byte{'['}
	for i, g := range groups {
		if i > 0 {
			out = append(out, ',')
		}
		var members []segment.Member
		if g.Name != "" {
			members = append(members, segment.Member{Name: "log_group", Value: quote(g.Name)})
		}
		if g.ARN != "" {
			members = append(members, segment.Member{Name: "arn", Value: quote(g.ARN)})
		}
		out = append(out, object(append(members, g.Extra...))...)
	}
	return string(append(out, ']'))
}
