{{- define "switchyard.name" -}}
{{- if contains "switchyard" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-switchyard" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* What selects the pods of a part: a list of the root and the part's name. */}}
{{- define "switchyard.selector" -}}
app.kubernetes.io/name: switchyard
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "switchyard.labels" -}}
{{ include "switchyard.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version }}
{{- end }}

{{- define "switchyard.secret" -}}
{{ .Values.secrets.existingSecret | default (include "switchyard.name" .) }}
{{- end }}

{{- define "switchyard.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "switchyard.state" -}}
{{- if .Values.redis.url }}{{ .Values.redis.url }}
{{- else if .Values.redis.enabled }}redis://{{ include "switchyard.name" . }}-redis:6379/0
{{- end }}
{{- end }}

{{- define "switchyard.usage" -}}
{{- if .Values.postgres.url }}{{ .Values.postgres.url }}
{{- else if .Values.postgres.enabled -}}
postgresql://switchyard:$(POSTGRES_PASSWORD)@{{ include "switchyard.name" . }}-postgres/switchyard
{{- end }}
{{- end }}

{{- define "switchyard.podSecurity" -}}
runAsNonRoot: true
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "switchyard.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
