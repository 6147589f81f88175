{{- define "roomcast.name" -}}
{{- printf "%s" .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "roomcast.labels" -}}
app.kubernetes.io/name: roomcast
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* Labels that select the pods of one component: (dict "root" $ "component" "gateway") */}}
{{- define "roomcast.selector" -}}
app.kubernetes.io/name: roomcast
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "roomcast.serverImage" -}}
{{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end -}}

{{- define "roomcast.edgeImage" -}}
{{ printf "%s:%s" .Values.image.edgeRepository (default .Chart.AppVersion .Values.image.tag) }}
{{- end -}}

{{- define "roomcast.secret" -}}
{{- default (printf "%s-secrets" (include "roomcast.name" .)) .Values.secrets.existing -}}
{{- end -}}

{{- define "roomcast.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "roomcast.name" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "roomcast.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .uid }}
runAsGroup: {{ .uid }}
fsGroup: {{ .uid }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "roomcast.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* The liveness probe does not depend on Redis; the readiness probe does. The context is the scheme: HTTP or HTTPS. */}}
{{- define "roomcast.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: metrics, scheme: {{ . }}}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: metrics, scheme: {{ . }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: metrics, scheme: {{ . }}}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
{{- end -}}

{{- define "roomcast.redisMounts" -}}
{{- with .Values.redis.tls.caSecret }}
- {name: redis-ca, mountPath: /etc/roomcast/redis/ca, readOnly: true}
{{- end }}
{{- with .Values.redis.tls.clientSecret }}
- {name: redis-client, mountPath: /etc/roomcast/redis/client, readOnly: true}
{{- end }}
{{- end -}}

{{- define "roomcast.redisVolumes" -}}
{{- with .Values.redis.tls.caSecret }}
- name: redis-ca
  secret: {secretName: {{ . }}}
{{- end }}
{{- with .Values.redis.tls.clientSecret }}
- name: redis-client
  secret: {secretName: {{ . }}}
{{- end }}
{{- end -}}

{{/* Spread the pods of one component over different machines, if possible. */}}
{{- define "roomcast.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "roomcast.selector" . | nindent 8 }}
{{- end -}}

{{/* The origins of signed links, for the page's Content-Security-Policy: with the bucket in the path or in the host name. */}}
{{- define "roomcast.mediaOrigins" -}}
{{- $s3 := .Values.media.s3 -}}
{{- with default $s3.endpoint $s3.publicEndpoint -}}
{{ trimSuffix "/" . }} {{ trimSuffix "/" . | replace "://" (printf "://%s." $s3.bucket) }}
{{- else -}}
{{- $host := ternary "s3.amazonaws.com" (printf "s3.%s.amazonaws.com" $s3.region) (eq $s3.region "us-east-1") -}}
https://{{ $host }}/{{ $s3.bucket }} https://{{ $host }}/{{ $s3.bucket }}/ https://{{ $s3.bucket }}.{{ $host }}
{{- end -}}
{{- end -}}
