package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

const chart = "../deploy/eks/tailwater"

// helm runs Helm, which `make tools` builds.
func helm(t *testing.T, args ...string) []byte {
	t.Helper()
	binary, err := filepath.Abs("../.tools/helm")
	require.NoError(t, err)
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v: run make tools", err)
	}
	cmd := exec.Command(binary, args...)
	home := t.TempDir() // whoever runs the test may have settings of their own
	cmd.Env = append(os.Environ(), "HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home, "HELM_DATA_HOME="+home)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	require.NoError(t, cmd.Run(), "helm %v\n%s%s", args, &out, &problems)
	return out.Bytes()
}

// instrumentation is the OpenTelemetry Operator's resource, as far as the chart
// uses it (opentelemetry-operator, docs/api/instrumentations.md).
type instrumentation struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              instrumentationSpec `json:"spec"`
}

type instrumentationSpec struct {
	Exporter struct {
		Endpoint string `json:"endpoint"`
	} `json:"exporter"`
	Propagators []string `json:"propagators"`
	Sampler     struct {
		Type     string `json:"type"`
		Argument string `json:"argument"`
	} `json:"sampler"`
	Env    []corev1.EnvVar `json:"env"`
	Java   struct{}        `json:"java"`
	NodeJS struct{}        `json:"nodejs"`
	Python struct{}        `json:"python"`
	DotNet struct{}        `json:"dotnet"`
}

func (i *instrumentation) DeepCopyObject() runtime.Object { c := *i; return &c }

// decodeStrictly reads a rendered chart into the API's types. A field that a
// type does not have is an error.
func decodeStrictly(t *testing.T, rendered []byte) []runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme, rbacv1.AddToScheme,
	} {
		require.NoError(t, add(scheme))
	}
	scheme.AddKnownTypeWithName(instrumentationKind, &instrumentation{})
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var objects []runtime.Object
	for _, text := range bytes.Split(rendered, []byte("\n---\n")) {
		var any map[string]any
		require.NoError(t, yaml.Unmarshal(text, &any))
		if len(any) == 0 {
			continue // a template that made nothing
		}
		object, _, err := decoder.Decode(text, nil, nil)
		require.NoError(t, err, "%s", text)
		objects = append(objects, object)
	}
	return objects
}

var instrumentationKind = metav1.SchemeGroupVersion.WithKind("Instrumentation")

func init() {
	instrumentationKind.Group, instrumentationKind.Version = "opentelemetry.io", "v1alpha1"
}

// valueSets are the files of values; "" is the chart's own.
func valueSets(t *testing.T) []string {
	files, err := filepath.Glob("../deploy/eks/values/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return append([]string{""}, files...)
}

func forEachValueSet(t *testing.T, check func(t *testing.T, objects []runtime.Object, values string)) {
	for _, values := range valueSets(t) {
		name, args := "defaults", []string{}
		if values != "" {
			name = strings.TrimSuffix(filepath.Base(values), ".yaml")
			args = []string{"--values", values}
		}
		t.Run(name, func(t *testing.T) {
			helm(t, append([]string{"lint", "--strict", chart}, args...)...)
			rendered := helm(t, append([]string{"template", "tw", chart, "--namespace", "observability"}, args...)...)
			check(t, decodeStrictly(t, rendered), name)
		})
	}
}

// The chart renders for all sets of values, every object is one of the
// Kubernetes API, and each collector configuration in it can be run.
func TestChart(t *testing.T) {
	kinds := map[string]map[string]int{}
	forEachValueSet(t, func(t *testing.T, objects []runtime.Object, values string) {
		kinds[values] = map[string]int{}
		names := map[string]bool{}
		for _, object := range objects {
			kind := object.GetObjectKind().GroupVersionKind().Kind
			kinds[values][kind]++
			if config, ok := object.(*corev1.ConfigMap); ok {
				dryRunText(t, config.Data["config.yaml"])
			}
			meta, ok := object.(metav1.Object)
			require.True(t, ok)
			key := kind + "/" + meta.GetName()
			require.False(t, names[key], "%s is there twice", key)
			names[key] = true
			require.NotEmpty(t, meta.GetLabels()["app.kubernetes.io/component"], key)
		}
	})
	require.Equal(t, map[string]map[string]int{
		"defaults": {"ConfigMap": 2, "Service": 2, "DaemonSet": 1, "StatefulSet": 1, "ServiceAccount": 2, "ClusterRole": 1,
			"ClusterRoleBinding": 1, "Role": 1, "RoleBinding": 1, "PodDisruptionBudget": 1},
		"production": {"ConfigMap": 2, "Service": 2, "DaemonSet": 1, "StatefulSet": 1, "ServiceAccount": 2, "ClusterRole": 1,
			"ClusterRoleBinding": 1, "Role": 1, "RoleBinding": 1, "PodDisruptionBudget": 1, "HorizontalPodAutoscaler": 1,
			"NetworkPolicy": 2, "Instrumentation": 1},
		"daemon": {"ConfigMap": 1, "Service": 1, "DaemonSet": 1, "ServiceAccount": 1, "ClusterRole": 1, "ClusterRoleBinding": 1},
		"small": {"ConfigMap": 2, "Service": 2, "DaemonSet": 1, "Deployment": 1, "ServiceAccount": 2, "ClusterRole": 1,
			"ClusterRoleBinding": 1, "PodDisruptionBudget": 1, "NetworkPolicy": 2},
	}, kinds)
}

// dryRunText checks a configuration that is given as text.
func dryRunText(t *testing.T, text string) {
	t.Helper()
	require.NotEmpty(t, text)
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	t.Setenv("K8S_NODE_NAME", "node")
	dryRun(t, file)
}

// podSpecs returns the pods that the objects make, by the name of what makes them.
func podSpecs(objects []runtime.Object) map[string]corev1.PodTemplateSpec {
	specs := map[string]corev1.PodTemplateSpec{}
	for _, object := range objects {
		switch o := object.(type) {
		case *appsv1.DaemonSet:
			specs[o.Name] = o.Spec.Template
		case *appsv1.StatefulSet:
			specs[o.Name] = o.Spec.Template
		case *appsv1.Deployment:
			specs[o.Name] = o.Spec.Template
		}
	}
	return specs
}

// Pods run as nobody, change nothing but their volumes, and have time to drain.
func TestChartPods(t *testing.T) {
	forEachValueSet(t, func(t *testing.T, objects []runtime.Object, _ string) {
		specs := podSpecs(objects)
		require.NotEmpty(t, specs)
		for name, template := range specs {
			pod := template.Spec
			require.True(t, *pod.SecurityContext.RunAsNonRoot, name)
			require.NotZero(t, *pod.SecurityContext.RunAsUser, name)
			require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type, name)
			require.Len(t, pod.Containers, 1, name)
			c := pod.Containers[0]
			require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, name)
			require.False(t, *c.SecurityContext.AllowPrivilegeEscalation, name)
			require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop, name)
			require.Contains(t, c.Args, "--feature-gates=+"+statusGate, name)
			require.NotNil(t, c.LivenessProbe, name)
			require.NotNil(t, c.ReadinessProbe, name)
			require.False(t, c.Resources.Limits.Memory().IsZero(), "%s has no memory limit, which memory_limiter needs", name)
			mounted := map[string]bool{}
			for _, m := range c.VolumeMounts {
				mounted[m.MountPath] = true
			}
			require.True(t, mounted["/var/lib/tailwater"], name)
			if strings.HasSuffix(name, "gateway") {
				// shutdown_timeout of the tail sampler and of the exporter.
				needed := c.Lifecycle.PreStop.Sleep.Seconds + 15 + 10
				require.Greater(t, *pod.TerminationGracePeriodSeconds, needed, name)
				require.False(t, *pod.AutomountServiceAccountToken, name)
			}
		}
	})
}

// Selectors find the pods, and ports have the numbers that are listened on.
func TestChartServices(t *testing.T) {
	forEachValueSet(t, func(t *testing.T, objects []runtime.Object, _ string) {
		specs := podSpecs(objects)
		for _, object := range objects {
			service, ok := object.(*corev1.Service)
			if !ok {
				continue
			}
			template, ok := specs[service.Name]
			require.True(t, ok, service.Name)
			for key, value := range service.Spec.Selector {
				require.Equal(t, value, template.Labels[key])
			}
			ports := map[string]string{}
			for _, p := range template.Spec.Containers[0].Ports {
				ports[p.Name] = fmt.Sprintf("%d/%s", p.ContainerPort, p.Protocol)
			}
			for _, p := range service.Spec.Ports {
				require.Equal(t, ports[p.TargetPort.String()], fmt.Sprintf("%d/%s", p.Port, p.Protocol), p.Name)
			}
		}
	})
}

func TestChartInstrumentation(t *testing.T) {
	rendered := helm(t, "template", "tw", chart, "--namespace", "observability", "--set", "instrumentation.enabled=true")
	found := false
	for _, object := range decodeStrictly(t, rendered) {
		i, ok := object.(*instrumentation)
		if !ok {
			continue
		}
		found = true
		require.Equal(t, "http://tw-tailwater-agent.observability:4318", i.Spec.Exporter.Endpoint)
		require.Equal(t, []string{"tracecontext", "baggage", "xray"}, i.Spec.Propagators)
		require.Equal(t, "parentbased_always_on", i.Spec.Sampler.Type)
	}
	require.True(t, found)
}

// A value that cannot work is refused when the chart is rendered.
func TestChartRefuses(t *testing.T) {
	for setting, want := range map[string]string{
		"agent.resolver=consul":   `agent.resolver is "consul"; it is k8s or dns`,
		"gateway.kind=ReplicaSet": `gateway.kind is "ReplicaSet"; it is StatefulSet or Deployment`,
	} {
		binary, err := filepath.Abs("../.tools/helm")
		require.NoError(t, err)
		out, err := exec.Command(binary, "template", "tw", chart, "--set", setting).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), want)
	}
}

// The chart starts from the same configurations as everybody else.
func TestChartFilesAreConfigs(t *testing.T) {
	files, err := filepath.Glob(chart + "/files/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		copied, err := os.ReadFile(file)
		require.NoError(t, err)
		original, err := os.ReadFile(filepath.Join("../configs", filepath.Base(file)))
		require.NoError(t, err)
		require.Equal(t, string(original), string(copied), "copy configs/%s to %s", filepath.Base(file), file)
	}
}
