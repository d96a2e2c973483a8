package segmentspan

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// manyMembers ends the pointer of an attribute that lists the names and values
// of many members. No JSON pointer ends like this.
const manyMembers = "/~"

// rawJSON returns the JSON text that an attribute holds. Text that is no JSON
// (any more) becomes a JSON string, any other value its JSON.
func (m *mapper) rawJSON(v pcommon.Value) string {
	if v.Type() == pcommon.ValueTypeStr {
		if text, ok := segment.CompactJSON(v.Str()); ok {
			return text
		}
	}
	return m.json(v)
}

// member appends the member, or the members, that an attribute
// aws.xray.json.* holds to those of the object they stood in.
func (m *mapper) member(members []segment.Member, pointer string, v pcommon.Value) []segment.Member {
	name := unescapePointer(strings.TrimPrefix(pointer, "/"))
	if pointer != manyMembers || v.Type() != pcommon.ValueTypeSlice {
		return append(members, segment.Member{Name: name, Value: m.rawJSON(v)})
	}
	list := v.Slice()
	for i := 0; i+1 < list.Len(); i += 2 {
		members = append(members, segment.Member{Name: scalarText(list.At(i)), Value: m.rawJSON(list.At(i + 1))})
	}
	return members
}

// disown makes ordinary attributes of the homes on a span that was not born in
// X-Ray: they could only contradict what the span says.
func (m *mapper) disown() {
	for _, a := range m.r.json {
		m.r.other = append(m.r.other, attribute{prefixJSON + a.name, a.value})
	}
	m.r.json = m.r.json[:0]
}

// restore puts back the members that had no other home.
func (m *mapper) restore(e *entity) {
	for _, a := range m.r.json {
		cut := strings.LastIndexByte(a.name, '/')
		if cut < 0 {
			m.r.other = append(m.r.other, attribute{prefixJSON + a.name, a.value})
			continue
		}
		object, name := a.name[:cut], a.name[cut:]
		e.twins = e.twins || mayBeTwin(a.name)
		if object == "/annotations" {
			e.annotations = m.member(e.annotations, name, a.value)
			continue
		}
		to := e.extraOf(object)
		if to == nil || object == "" && m.isForged(e, name, a.value) {
			m.r.other = append(m.r.other, attribute{prefixJSON + a.name, a.value})
			continue
		}
		e.clear(a.name)
		*to = m.member(*to, name, a.value)
	}
}

// extraOf returns the members without a field of an object of the entity.
func (e *entity) extraOf(pointer string) *[]segment.Member {
	switch pointer {
	case "":
		return &e.seg.Extra
	case "/service":
		return &e.serviceBlock().Extra
	case "/http":
		return &e.httpBlock().Extra
	case "/http/request":
		return &e.request().Extra
	case "/http/response":
		return &e.response().Extra
	case "/sql":
		return &e.sqlBlock().Extra
	case "/cause":
		return &e.causeBlock().Extra
	case "/aws":
		return &e.awsBlock().Extra
	case "/aws/xray":
		return &e.xrayBlock().Extra
	case "/aws/ec2":
		e.awsBlock().EC2 = &e.ec2
		return &e.ec2.Extra
	case "/aws/ecs":
		e.awsBlock().ECS = &e.ecs
		return &e.ecs.Extra
	case "/aws/eks":
		e.awsBlock().EKS = &e.eks
		return &e.eks.Extra
	case "/aws/elastic_beanstalk":
		e.awsBlock().ElasticBeanstalk = &e.beanstalk
		return &e.beanstalk.Extra
	}
	return nil
}

// clear takes away a member that was derived and that the document did not
// have, or had with another value.
func (e *entity) clear(pointer string) {
	switch pointer {
	case "/service/version":
		e.service.Version = ""
	case "/service/runtime":
		e.service.Runtime = ""
	case "/service/runtime_version":
		e.service.RuntimeVersion = ""
	case "/aws/cloudwatch_logs":
		e.aws.CloudWatchLogs = nil
	case "/aws/table_names":
		e.aws.TableNames = nil
	case "/aws/xray/sdk":
		e.xray.SDK = ""
	case "/aws/xray/sdk_version":
		e.xray.SDKVersion = ""
	case "/aws/ec2/instance_id":
		e.ec2.InstanceID = ""
	case "/aws/ec2/instance_size":
		e.ec2.InstanceSize = ""
	case "/aws/ec2/ami_id":
		e.ec2.AMIID = ""
	case "/aws/ec2/availability_zone":
		e.ec2.AvailabilityZone = ""
	case "/aws/ecs/container":
		e.ecs.Container = ""
	case "/aws/ecs/container_id":
		e.ecs.ContainerID = ""
	case "/aws/ecs/container_arn":
		e.ecs.ContainerARN = ""
	case "/aws/ecs/cluster_arn":
		e.ecs.ClusterARN = ""
	case "/aws/ecs/task_arn":
		e.ecs.TaskARN = ""
	case "/aws/ecs/task_family":
		e.ecs.TaskFamily = ""
	case "/aws/ecs/launch_type":
		e.ecs.LaunchType = ""
	case "/aws/ecs/availability_zone":
		e.ecs.AvailabilityZone = ""
	case "/aws/eks/cluster_name":
		e.eks.ClusterName = ""
	case "/aws/eks/pod":
		e.eks.Pod = ""
	case "/aws/eks/container_id":
		e.eks.ContainerID = ""
	case "/aws/elastic_beanstalk/environment_name":
		e.beanstalk.EnvironmentName = ""
	case "/aws/elastic_beanstalk/version_label":
		e.beanstalk.VersionLabel = ""
	case pointerDeployment:
		e.beanstalk.DeploymentID = segment.Int{}
	}
}

// correct applies the lists of members that were absent, and of integers that
// were strings.
func (m *mapper) correct(e *entity) {
	if list := m.r.str(keyQuoted); list != "" {
		quote := func(pointer string, n *segment.Int) {
			if n.Form != segment.NoInt && marked(list, pointer) {
				n.Form = segment.StringInt
			}
		}
		quote(pointerStatus, &e.resp.Status)
		quote(pointerContentLength, &e.resp.ContentLength)
		quote(pointerRetries, &e.aws.Retries)
		quote(pointerDeployment, &e.beanstalk.DeploymentID)
	}
	list := m.r.str(keyAbsent)
	if list == "" {
		return
	}
	for list != "" {
		var pointer string
		pointer, list, _ = strings.Cut(list, ",")
		e.clear(pointer)
	}
	e.prune()
}

// prune removes blocks in which nothing is left.
func (e *entity) prune() {
	if b := &e.service; b.Name == "" && b.Version == "" && b.Runtime == "" && b.RuntimeVersion == "" &&
		b.Compiler == "" && b.CompilerVersion == "" && len(b.Extra) == 0 {
		e.seg.Service = nil
	}
	if b := &e.ec2; b.InstanceID == "" && b.InstanceSize == "" && b.AMIID == "" && b.AvailabilityZone == "" && len(b.Extra) == 0 {
		e.aws.EC2 = nil
	}
	if b := &e.ecs; b.Container == "" && b.ContainerID == "" && b.ContainerARN == "" && b.ClusterARN == "" &&
		b.TaskARN == "" && b.TaskFamily == "" && b.LaunchType == "" && b.AvailabilityZone == "" && len(b.Extra) == 0 {
		e.aws.ECS = nil
	}
	if b := &e.eks; b.ClusterName == "" && b.Pod == "" && b.ContainerID == "" && len(b.Extra) == 0 {
		e.aws.EKS = nil
	}
	if b := &e.beanstalk; b.EnvironmentName == "" && b.VersionLabel == "" && b.DeploymentID.Form == segment.NoInt && len(b.Extra) == 0 {
		e.aws.ElasticBeanstalk = nil
	}
	if b := &e.xray; b.SDK == "" && b.SDKVersion == "" && b.SamplingRuleName == "" &&
		b.AutoInstrumentation == segment.Absent && len(b.Extra) == 0 {
		e.aws.XRay = nil
	}
	if b := &e.aws; b.AccountID == "" && b.Operation == "" && b.Region == "" && b.RequestID == "" && b.QueueURL == "" &&
		b.TableName == "" && len(b.TableNames) == 0 && b.Retries.Form == segment.NoInt && len(b.CloudWatchLogs) == 0 &&
		b.EC2 == nil && b.ECS == nil && b.EKS == nil && b.ElasticBeanstalk == nil && b.XRay == nil && len(b.Extra) == 0 {
		e.seg.AWS = nil
	}
}
