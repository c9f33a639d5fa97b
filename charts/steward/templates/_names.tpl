{{- /* Names, labels and references that several templates share. */ -}}

{{- define "steward.fullname" -}}
{{- default (printf "%s-operator" .Release.Name) .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- /* What belongs to the release but not to the operator's Deployment alone. */ -}}
{{- define "steward.prefix" -}}
{{- include "steward.fullname" . | trimSuffix "-operator" -}}
{{- end -}}

{{- define "steward.serviceAccountName" -}}
{{- default (include "steward.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "steward.archiveName" -}}
{{- printf "%s-archive" (include "steward.prefix" .) -}}
{{- end -}}

{{- define "steward.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
app.kubernetes.io/part-of: steward
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Assistants let in what carries this name, in the operator's namespace: it is fixed. */ -}}
{{- define "steward.podLabels" -}}
app.kubernetes.io/name: steward-operator
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "steward.image" -}}
{{- $image := .image -}}
{{- $repository := $image.repository -}}
{{- if $image.registry -}}
{{- $repository = printf "%s/%s" $image.registry $image.repository -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "steward.resources" -}}
{{- $found := dict -}}
{{- range $side := list "requests" "limits" -}}
{{- $amounts := dict -}}
{{- range $name, $amount := index $ $side -}}
{{- if $amount -}}{{- $_ := set $amounts $name $amount -}}{{- end -}}
{{- end -}}
{{- if $amounts -}}{{- $_ := set $found $side $amounts -}}{{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{- define "steward.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "steward.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
{{- end -}}

{{- define "steward.placement" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "steward.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The namespaces that the operator serves, as a label selector. */ -}}
{{- define "steward.watchedNamespaces" -}}
{{- with .Values.watch.namespace -}}
matchLabels:
  kubernetes.io/metadata.name: {{ . }}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{- define "steward.subject" -}}
- kind: ServiceAccount
  name: {{ .account }}
  namespace: {{ .root.Release.Namespace }}
{{- end -}}
