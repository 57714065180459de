{{/*
The chart's name, as the label app.kubernetes.io/name.
*/}}
{{- define "online-inference.name" -}}
{{- default .Chart.Name .Values.nameOverride }}
{{- end }}

{{/*
The name of all objects: the release's, with the chart's where the release does
not say it already. It has to be a Service's name of at most 57 characters, so
that "-model" fits behind it. A release called online-inference gets a suffix:
the Route of the Knative Service of that name makes a Service of its own name.
*/}}
{{- define "online-inference.fullname" -}}
{{- $name := .Values.fullnameOverride }}
{{- if not $name }}
{{- $chart := include "online-inference.name" . }}
{{- $name = .Release.Name | replace "." "-" }}
{{- if not (contains $chart $name) }}
{{- $long := printf "%s-%s" $name $chart }}
{{- if le (len $long) 57 }}{{ $name = $long }}{{ end }}
{{- end }}
{{- if eq $name "online-inference" }}{{ $name = "online-inference-helm" }}{{ end }}
{{- end }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) }}
{{- fail (printf "%q cannot be a Service's name: it has to start with a letter; choose another release name or set fullnameOverride" $name) }}
{{- end }}
{{- $name }}
{{- end }}

{{/*
Labels that the Deployment, the Service and the budget select by. They hold the
release's name, so that two releases never share pods.
*/}}
{{- define "online-inference.selectorLabels" -}}
app.kubernetes.io/name: {{ include "online-inference.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/*
Labels of pods. Not the chart's version: another one alone must not roll them.
*/}}
{{- define "online-inference.podLabels" -}}
app.kubernetes.io/part-of: online-inference
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | trimAll "-._" | quote }}
{{- end }}

{{- define "online-inference.labels" -}}
{{ include "online-inference.selectorLabels" . }}
{{ include "online-inference.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "online-inference.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "online-inference.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "online-inference.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/*
A value of the ConfigMap as text. YAML's numbers arrive as floats, which would
print 2097152 as 2.097152e+06.
*/}}
{{- define "online-inference.text" -}}
{{- if kindIs "float64" . }}
{{- if eq . (floor .) }}{{ printf "%.0f" . | quote }}{{ else }}{{ toString . | quote }}{{ end }}
{{- else }}
{{- toString . | quote }}
{{- end }}
{{- end }}

{{/*
The server's variables, by name.
*/}}
{{- define "online-inference.variables" -}}
{{- with .Values.model.name }}
MODEL_NAME: {{ . | quote }}
{{- end }}
{{- with .Values.model.version }}
MODEL_VERSION: {{ . | quote }}
{{- end }}
{{- if .Values.model.volume }}
MODEL: /models
{{- end }}
{{- range $key, $value := .Values.config }}
{{ $key }}: {{ include "online-inference.text" $value }}
{{- end }}
{{- end }}

{{/*
Seconds from SIGTERM to SIGKILL: both parts of the drain, 2 s in which traces
are sent, and 3 s to spare. The schema holds both parts to whole seconds.
*/}}
{{- define "online-inference.grace" -}}
{{- $delay := .Values.config.DRAIN_DELAY | default "0s" | trimSuffix "s" | int }}
{{- $timeout := .Values.config.DRAIN_TIMEOUT | default "20s" | trimSuffix "s" | int }}
{{- add $delay $timeout 5 }}
{{- end }}

{{/*
What the server and the check of `helm test` have in common: the image, its
variables and the files of the model.
*/}}
{{- define "online-inference.container" -}}
image: {{ include "online-inference.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
envFrom:
  {{- with .Values.extraEnvFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  - configMapRef:
      name: {{ include "online-inference.fullname" . }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- if .Values.model.yaml }}
volumeMounts:
  # Over the file in the image.
  - name: model
    mountPath: /var/run/ko/models/heart-disease/{{ .Values.model.version }}/model.yaml
    subPath: model.yaml
    readOnly: true
{{- else if .Values.model.volume }}
volumeMounts:
  - name: model
    mountPath: /models
    readOnly: true
{{- end }}
{{- end }}

{{/*
The part of a pod's spec that both pods share.
*/}}
{{- define "online-inference.pod" -}}
serviceAccountName: {{ include "online-inference.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .Values.model.yaml }}
volumes:
  - name: model
    configMap:
      name: {{ include "online-inference.fullname" . }}-model
{{- else if .Values.model.volume }}
volumes:
  - name: model
    {{- toYaml .Values.model.volume | nindent 4 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
