package awsidentity

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	eksClaims = `{"iss": "https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE", "exp": 1795600000,
 "kubernetes.io": {"namespace": "shop", "node": {"name": "ip-10-0-0-1"}, "pod": {"name": "checkout-5d9f", "uid": "u"}, "serviceaccount": {"name": "default"}}}`
	otherClaims = `{"iss": "https://kubernetes.default.svc.cluster.local", "kubernetes.io": {"namespace": "shop", "pod": {"name": "checkout-5d9f"}}}`
	clusterInfo = "/api/v1/namespaces/amazon-cloudwatch/configmaps/cluster-info"
	container   = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

func TestEKS(t *testing.T) {
	pod := map[string]any{
		"cloud.provider": "aws", "cloud.platform": "aws_eks", "cloud.region": "eu-central-1", "k8s.cluster.name": "prod",
		"k8s.namespace.name": "shop", "k8s.pod.name": "checkout-5d9f",
		"aws.log.group.names": []any{"/aws/containerinsights/prod/application"},
	}
	with := func(changes map[string]any) map[string]any {
		want := map[string]any{}
		for key, value := range pod {
			want[key] = value
		}
		for key, value := range changes {
			want[key] = value
			if value == nil {
				delete(want, key)
			}
		}
		return want
	}
	for name, test := range map[string]struct {
		prepare func(*fakeMachine)
		options Options
		want    map[string]any
	}{
		"cluster from the configuration, no API": {
			func(m *fakeMachine) { m.putToken(eksClaims) }, Options{ClusterName: "prod"}, pod,
		},
		"cluster from the environment": {
			func(m *fakeMachine) { m.putToken(eksClaims); m.env["K8S_CLUSTER_NAME"] = "prod" }, Options{}, pod,
		},
		"cluster from the ConfigMap": {
			func(m *fakeMachine) {
				m.putToken(eksClaims)
				m.serveKubernetes(map[string]string{clusterInfo: `{"data": {"cluster.name": "prod", "logs.region": "eu-central-1"}}`})
			}, Options{}, pod,
		},
		"no right to read the ConfigMap": {
			func(m *fakeMachine) { m.putToken(eksClaims); m.serveKubernetes(nil) }, Options{},
			with(map[string]any{"k8s.cluster.name": nil, "aws.log.group.names": nil}),
		},
		"another issuer, the version says EKS": {
			func(m *fakeMachine) {
				m.putToken(otherClaims)
				m.serveKubernetes(map[string]string{"/version": `{"gitVersion": "v1.34.1-eks-abcdef0"}`})
			}, Options{ClusterName: "prod"}, with(map[string]any{"cloud.region": nil}),
		},
		"node": {
			func(m *fakeMachine) { m.putToken(eksClaims) }, Options{ClusterName: "prod", Scope: Node},
			with(map[string]any{"k8s.namespace.name": nil, "k8s.pod.name": nil}),
		},
		"container, cgroups of version 1": {
			func(m *fakeMachine) {
				m.putToken(eksClaims)
				m.write("/proc/self/cgroup", "11:memory:/kubepods/besteffort/podX/"+container+"\n")
			}, Options{ClusterName: "prod", Scope: Container}, with(map[string]any{"container.id": container}),
		},
		"container, cgroups of version 2, no namespace": {
			func(m *fakeMachine) {
				m.putToken(eksClaims)
				m.write("/proc/self/cgroup", "0::/kubepods.slice/cri-containerd-"+container+".scope\n")
			}, Options{ClusterName: "prod", Scope: Container}, with(map[string]any{"container.id": container}),
		},
		"container, Docker's mounts": {
			func(m *fakeMachine) {
				m.putToken(eksClaims)
				m.write("/proc/self/cgroup", "0::/\n")
				m.write("/proc/self/mountinfo", "1 2 8:1 /var/lib/docker/containers/"+container+"/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n")
			}, Options{ClusterName: "prod", Scope: Container}, with(map[string]any{"container.id": container}),
		},
		"container, the sandbox of containerd is not it": {
			func(m *fakeMachine) {
				m.putToken(eksClaims)
				m.write("/proc/self/cgroup", "0::/\n")
				m.write("/proc/self/mountinfo", "1 2 8:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/"+container+"/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n")
			}, Options{ClusterName: "prod", Scope: Container}, pod,
		},
		"the downward API names the pod": {
			func(m *fakeMachine) { m.putToken(eksClaims); m.env["K8S_POD_NAME"] = "checkout-0" }, Options{ClusterName: "prod"},
			with(map[string]any{"k8s.pod.name": "checkout-0"}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			test.prepare(m)
			attrs, err := m.detect("eks", test.options)
			require.NoError(t, err)
			require.Equal(t, test.want, attrs)
		})
	}
}

func TestEKSClaims(t *testing.T) {
	m := newMachine(t)
	m.putToken(otherClaims)
	require.False(t, m.claims("eks"))
	m.putToken(eksClaims)
	require.True(t, m.claims("eks"))
}

// A Kubernetes cluster that is not EKS is no reason to ask again.
func TestKubernetesElsewhere(t *testing.T) {
	m := newMachine(t)
	m.putToken(otherClaims)
	m.serveKubernetes(map[string]string{"/version": `{"gitVersion": "v1.34.1+k3s1"}`})
	_, err := m.detect("eks", Options{})
	require.ErrorIs(t, err, ErrAbsent)
}

// While the API does not answer, what the token says is there, and the name of
// the cluster is asked for again.
func TestEKSWithoutAPI(t *testing.T) {
	m := newMachine(t)
	m.putToken(eksClaims)
	m.serveKubernetes(map[string]string{clusterInfo: "no JSON"})
	for _, source := range Sources(m.machine(), Options{}) {
		if source.Name != "eks" {
			continue
		}
		attrs, err := source.Detect(t.Context())
		require.ErrorContains(t, err, "cluster_name")
		require.Equal(t, map[string]any{
			"cloud.provider": "aws", "cloud.platform": "aws_eks", "cloud.region": "eu-central-1",
			"k8s.namespace.name": "shop", "k8s.pod.name": "checkout-5d9f",
		}, attrs.AsRaw())
	}
}

func TestToken(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "two parts": "a.b", "not base64": "a.!.c", "no JSON": "a.YWJj.c"} {
		t.Run(name, func(t *testing.T) {
			_, err := parseToken(text)
			require.Error(t, err)
		})
	}
}
