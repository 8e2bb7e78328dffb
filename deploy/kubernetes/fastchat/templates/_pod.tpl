{{/* What all pods have: (list $ PART), PART being the values of the controller, a worker, … */}}
{{- define "fastchat.pod" -}}
{{- $ := first . }}
{{- $part := index . 1 -}}
automountServiceAccountToken: false
# A service called `fastchat-worker` would set variables that begin like those of the processes.
enableServiceLinks: false
# Five seconds pass before the drain, and what is held of usage is written behind it.
terminationGracePeriodSeconds: {{ add $.Values.drainSeconds 20 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with $.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What all containers have. */}}
{{- define "fastchat.container" -}}
{{- $ := first . }}
{{- $part := index . 1 -}}
image: "{{ $.Values.image.repository }}:{{ $.Values.image.tag | default $.Chart.AppVersion }}"
imagePullPolicy: {{ $.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- with $part.resources }}
resources: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Nothing secret is in a command line or in the values. */}}
{{- define "fastchat.env" -}}
{{- $ := first . }}
{{- $part := index . 1 -}}
- name: FASTCHAT_CLUSTER_TOKEN
  valueFrom: { secretKeyRef: { name: {{ include "fastchat.secret" $ }}, key: cluster-token } }
{{- if $.Values.otlpEndpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ $.Values.otlpEndpoint | quote }}
{{- end }}
{{- with $part.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "fastchat.databaseUrl" -}}
- name: FASTCHAT_DATABASE_URL
  valueFrom: { secretKeyRef: { name: {{ include "fastchat.secret" . }}, key: database-url, optional: true } }
{{- end }}

{{- define "fastchat.args" -}}
{{- range . }}
- {{ . | quote }}
{{- end }}
{{- end }}
