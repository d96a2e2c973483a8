{{- define "tailwater.name" -}}
{{- $base := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- $base | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- /* Labels that select pods; call with (list $ "agent"). They never change. */ -}}
{{- define "tailwater.selector" -}}
app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "tailwater.labels" -}}
{{- $root := index . 0 -}}
{{ include "tailwater.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name ($root.Chart.Version | replace "+" "_") }}
{{- end -}}

{{- define "tailwater.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "tailwater.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "tailwater.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "tailwater.args" -}}
- --config=/etc/tailwater/config.yaml
- --feature-gates=+extension.healthcheck.useComponentStatus
{{- end -}}

{{- define "tailwater.env" -}}
- name: TAILWATER_HOST
  value: 0.0.0.0
- name: TAILWATER_STATE
  value: /var/lib/tailwater
{{- with .Values.region }}
- name: AWS_REGION
  value: {{ . | quote }}
{{- end }}
{{- with .Values.clusterName }}
- name: K8S_CLUSTER_NAME
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "tailwater.probes" -}}
startupProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 15
  failureThreshold: 4
readinessProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 5
{{- end -}}

{{- /* The agents' configuration: configs/agent.yaml, in the cluster's terms. */ -}}
{{- define "tailwater.agentConfig" -}}
{{- $config := .Files.Get "files/agent.yaml" | fromYaml -}}
{{- $pipelines := $config.service.pipelines -}}
{{- if not .Values.agent.hostMetrics -}}
  {{- $_ := unset $pipelines "metrics/host" -}}
  {{- $_ := unset $config.receivers "host_metrics" -}}
  {{- $_ := unset $config.exporters "awsemf/host" -}}
  {{- range list "transform/copies" "filter/host" "transform/names" -}}
    {{- $_ := unset $config.processors . -}}
  {{- end -}}
{{- end -}}
{{- if not .Values.gateway.enabled -}}
  {{- /* Straight to X-Ray: SDKs sample by X-Ray's rules. */ -}}
  {{- $_ := unset $config.exporters "load_balancing" -}}
  {{- $_ := set $config.exporters "awsxray" (dict "sending_queue" (dict "storage" "file_storage")) -}}
  {{- $_ := set $pipelines.traces "exporters" (list "awsxray") -}}
  {{- $_ := unset $config.receivers.awsxray.proxy_server "sampling" -}}
  {{- $_ := unset $config.receivers.awsxray.proxy_server "record_all_max_per_second" -}}
{{- else -}}
  {{- $gateways := printf "%s-gateway" (include "tailwater.name" .) -}}
  {{- if eq .Values.agent.resolver "k8s" -}}
    {{- $_ := set $config.exporters.load_balancing "resolver" (dict "k8s" (dict "service" (printf "%s.%s" $gateways .Release.Namespace))) -}}
  {{- else if eq .Values.agent.resolver "dns" -}}
    {{- $_ := set $config.exporters.load_balancing "resolver" (dict "dns" (dict "hostname" (printf "%s.%s.svc" $gateways .Release.Namespace))) -}}
  {{- else -}}
    {{- fail (printf "agent.resolver is %q; it is k8s or dns" .Values.agent.resolver) -}}
  {{- end -}}
{{- end -}}
{{- /* The agent's own pod is not that of the application: the sender's address tells it. */ -}}
{{- $attributes := dict
  "auth_type" "serviceAccount"
  "passthrough" false
  "filter" (dict "node_from_env_var" "K8S_NODE_NAME")
  "extract" (dict "metadata" (list "k8s.namespace.name" "k8s.pod.name" "k8s.pod.uid" "k8s.deployment.name" "k8s.node.name"))
  "pod_association" (list
    (dict "sources" (list (dict "from" "resource_attribute" "name" "k8s.pod.ip")))
    (dict "sources" (list (dict "from" "resource_attribute" "name" "k8s.pod.uid")))
    (dict "sources" (list (dict "from" "connection")))) -}}
{{- $_ := set $config.processors "k8s_attributes" $attributes -}}
{{- range $name := list "traces" "metrics" -}}
  {{- $_ := set (index $pipelines $name) "processors" (list "memory_limiter" "k8s_attributes" "aws_resource") -}}
{{- end -}}
{{- toYaml (mustMergeOverwrite $config (deepCopy .Values.agent.config)) -}}
{{- end -}}

{{- define "tailwater.gatewayConfig" -}}
{{- $config := .Files.Get "files/gateway.yaml" | fromYaml -}}
{{- if not .Values.gateway.archiveBucket -}}
  {{- $_ := unset $config.exporters "awss3/archive" -}}
  {{- $_ := set $config.service.pipelines.traces "exporters" (without $config.service.pipelines.traces.exporters "awss3/archive") -}}
{{- end -}}
{{- toYaml (mustMergeOverwrite $config (deepCopy .Values.gateway.config)) -}}
{{- end -}}
