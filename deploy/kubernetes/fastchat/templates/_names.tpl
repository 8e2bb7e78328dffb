{{/* Short enough for what Kubernetes appends to the names of pods and volumes. */}}
{{- define "fastchat.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains "fastchat" $name) }}{{ $name = printf "%s-fastchat" $name }}{{ end -}}
{{- $name | trunc 24 | trimSuffix "-" -}}
{{- end }}

{{/* Of one part: (list $ "api"), or (list $ "worker" "small"). */}}
{{- define "fastchat.selector" -}}
{{- $ := first . -}}
app.kubernetes.io/name: fastchat
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- if gt (len .) 2 }}
fastchat/worker: {{ index . 2 }}
{{- end }}
{{- end }}

{{- define "fastchat.labels" -}}
{{- $ := first . -}}
{{ include "fastchat.selector" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version }}
{{- end }}

{{- define "fastchat.secret" -}}
{{ required "secret: name a Secret with the entries cluster-token and api-keys (docs/operations/kubernetes.md)" .Values.secret }}
{{- end }}

{{- define "fastchat.controller" -}}
http://{{ include "fastchat.name" . }}-controller:21001
{{- end }}
