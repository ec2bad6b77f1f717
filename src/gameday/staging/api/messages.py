"""Field tables of the messages that kubectl sends as protobuf, from the .proto files of the Kubernetes API.

One line a field: `number name type`. A type is `str`, `int`, `bool`, `bytes`, `time`, `quantity`, `int-or-str`, or a message;
`[]` after it is a list, `map` before it a map by name. A `?` says that a zero, or an empty message, is a value, where it
otherwise is absence. The fields of a message under the name `*` stand in JSON beside those of the message that holds it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: its name in JSON and how it is encoded."""

    name: str
    type: str
    repeated: bool
    mapped: bool
    keeps_zero: bool


_TEXT = """
ObjectMeta
    1 name str, 2 generateName str, 3 namespace str, 4 selfLink str, 5 uid str, 6 resourceVersion str, 7 generation int
    8 creationTimestamp time, 9 deletionTimestamp time, 10 deletionGracePeriodSeconds int?, 11 labels map str
    12 annotations map str, 13 ownerReferences OwnerReference[], 14 finalizers str[]
OwnerReference
    1 kind str, 3 name str, 4 uid str, 5 apiVersion str, 6 controller bool?, 7 blockOwnerDeletion bool?
LabelSelector
    1 matchLabels map str, 2 matchExpressions LabelSelectorRequirement[]
LabelSelectorRequirement
    1 key str, 2 operator str, 3 values str[]
DeleteOptions
    1 gracePeriodSeconds int?, 2 preconditions Preconditions, 3 orphanDependents bool?, 4 propagationPolicy str
    5 dryRun str[]
Preconditions
    1 uid str, 2 resourceVersion str
Empty
Namespace
    1 metadata ObjectMeta, 2 spec NamespaceSpec, 3 status NamespaceStatus
NamespaceSpec
    1 finalizers str[]
NamespaceStatus
    1 phase str
ConfigMap
    1 metadata ObjectMeta, 2 data map str, 3 binaryData map bytes, 4 immutable bool?
Secret
    1 metadata ObjectMeta, 2 data map bytes, 3 type str, 4 stringData map str, 5 immutable bool?
ServiceAccount
    1 metadata ObjectMeta, 2 secrets ObjectReference[], 3 imagePullSecrets LocalObjectReference[]
    4 automountServiceAccountToken bool?
ObjectReference
    1 kind str, 2 namespace str, 3 name str, 4 uid str, 5 apiVersion str, 6 resourceVersion str, 7 fieldPath str
LocalObjectReference
    1 name str
TokenRequest
    1 metadata ObjectMeta, 2 spec TokenRequestSpec, 3 status TokenRequestStatus
TokenRequestSpec
    1 audiences str[], 3 boundObjectRef BoundObjectReference, 4 expirationSeconds int
TokenRequestStatus
    1 token str, 2 expirationTimestamp time
BoundObjectReference
    1 kind str, 2 apiVersion str, 3 name str, 4 uid str
Eviction
    1 metadata ObjectMeta, 2 deleteOptions DeleteOptions
Scale
    1 metadata ObjectMeta, 2 spec ScaleSpec, 3 status ScaleStatus
ScaleSpec
    1 replicas int?
ScaleStatus
    1 replicas int, 2 selector str
Role
    1 metadata ObjectMeta, 2 rules PolicyRule[]
ClusterRole
    1 metadata ObjectMeta, 2 rules PolicyRule[]
PolicyRule
    1 verbs str[], 2 apiGroups str[], 3 resources str[], 4 resourceNames str[], 5 nonResourceURLs str[]
RoleBinding
    1 metadata ObjectMeta, 2 subjects Subject[], 3 roleRef RoleRef
ClusterRoleBinding
    1 metadata ObjectMeta, 2 subjects Subject[], 3 roleRef RoleRef
Subject
    1 kind str, 2 apiGroup str, 3 name str, 4 namespace str
RoleRef
    1 apiGroup str, 2 kind str, 3 name str
PodDisruptionBudget
    1 metadata ObjectMeta, 2 spec PodDisruptionBudgetSpec, 3 status PodDisruptionBudgetStatus
PodDisruptionBudgetSpec
    1 minAvailable int-or-str, 2 selector LabelSelector, 3 maxUnavailable int-or-str, 4 unhealthyPodEvictionPolicy str
PodDisruptionBudgetStatus
    1 observedGeneration int, 3 disruptionsAllowed int, 4 currentHealthy int, 5 desiredHealthy int, 6 expectedPods int
HorizontalPodAutoscaler
    1 metadata ObjectMeta, 2 spec HorizontalPodAutoscalerSpec, 3 status HorizontalPodAutoscalerStatus
HorizontalPodAutoscalerSpec
    1 scaleTargetRef CrossVersionObjectReference, 2 minReplicas int?, 3 maxReplicas int, 4 metrics MetricSpec[]
CrossVersionObjectReference
    1 kind str, 2 name str, 3 apiVersion str
MetricSpec
    1 type str, 4 resource ResourceMetricSource
ResourceMetricSource
    1 name str, 2 target MetricTarget
MetricTarget
    1 type str, 2 value quantity, 3 averageValue quantity, 4 averageUtilization int?
HorizontalPodAutoscalerStatus
    1 observedGeneration int, 2 lastScaleTime time, 3 currentReplicas int, 4 desiredReplicas int
Deployment
    1 metadata ObjectMeta, 2 spec DeploymentSpec, 3 status DeploymentStatus
DeploymentSpec
    1 replicas int?, 2 selector LabelSelector, 3 template PodTemplateSpec, 4 strategy DeploymentStrategy
    5 minReadySeconds int, 6 revisionHistoryLimit int?, 7 paused bool, 9 progressDeadlineSeconds int?
DeploymentStrategy
    1 type str, 2 rollingUpdate RollingUpdateDeployment
RollingUpdateDeployment
    1 maxUnavailable int-or-str, 2 maxSurge int-or-str
DeploymentStatus
    1 observedGeneration int, 2 replicas int, 3 updatedReplicas int, 4 availableReplicas int, 5 unavailableReplicas int
    7 readyReplicas int
PodTemplateSpec
    1 metadata ObjectMeta, 2 spec PodSpec
Pod
    1 metadata ObjectMeta, 2 spec PodSpec, 3 status PodStatus
PodStatus
    1 phase str, 3 message str, 4 reason str, 5 hostIP str, 6 podIP str, 9 qosClass str, 11 nominatedNodeName str
PodSpec
    1 volumes Volume[], 2 containers Container[], 3 restartPolicy str, 4 terminationGracePeriodSeconds int?
    5 activeDeadlineSeconds int?, 6 dnsPolicy str, 7 nodeSelector map str, 8 serviceAccountName str, 9 serviceAccount str
    10 nodeName str, 11 hostNetwork bool, 12 hostPID bool, 13 hostIPC bool, 14 securityContext PodSecurityContext?
    15 imagePullSecrets LocalObjectReference[], 16 hostname str, 17 subdomain str, 18 affinity Affinity?, 19 schedulerName str
    20 initContainers Container[], 21 automountServiceAccountToken bool?, 22 tolerations Toleration[], 23 hostAliases HostAlias[]
    24 priorityClassName str, 25 priority int?, 27 shareProcessNamespace bool?, 29 runtimeClassName str
    30 enableServiceLinks bool?, 31 preemptionPolicy str, 33 topologySpreadConstraints TopologySpreadConstraint[]
PodSecurityContext
    2 runAsUser int?, 3 runAsNonRoot bool?, 4 supplementalGroups int[], 5 fsGroup int?, 6 runAsGroup int?
    9 fsGroupChangePolicy str, 10 seccompProfile SeccompProfile
SecurityContext
    1 capabilities Capabilities, 2 privileged bool?, 4 runAsUser int?, 5 runAsNonRoot bool?, 6 readOnlyRootFilesystem bool?
    7 allowPrivilegeEscalation bool?, 8 runAsGroup int?, 11 seccompProfile SeccompProfile
SeccompProfile
    1 type str, 2 localhostProfile str
Capabilities
    1 add str[], 2 drop str[]
HostAlias
    1 ip str, 2 hostnames str[]
Toleration
    1 key str, 2 operator str, 3 value str, 4 effect str, 5 tolerationSeconds int?
TopologySpreadConstraint
    1 maxSkew int, 2 topologyKey str, 3 whenUnsatisfiable str, 4 labelSelector LabelSelector, 5 minDomains int?
    6 nodeAffinityPolicy str, 7 nodeTaintsPolicy str, 8 matchLabelKeys str[]
Affinity
    1 nodeAffinity NodeAffinity?, 2 podAffinity PodAffinity?, 3 podAntiAffinity PodAffinity?
NodeAffinity
    1 requiredDuringSchedulingIgnoredDuringExecution NodeSelector
    2 preferredDuringSchedulingIgnoredDuringExecution PreferredSchedulingTerm[]
NodeSelector
    1 nodeSelectorTerms NodeSelectorTerm[]
PreferredSchedulingTerm
    1 weight int, 2 preference NodeSelectorTerm
NodeSelectorTerm
    1 matchExpressions LabelSelectorRequirement[], 2 matchFields LabelSelectorRequirement[]
PodAffinity
    1 requiredDuringSchedulingIgnoredDuringExecution PodAffinityTerm[]
    2 preferredDuringSchedulingIgnoredDuringExecution WeightedPodAffinityTerm[]
PodAffinityTerm
    1 labelSelector LabelSelector, 2 namespaces str[], 3 topologyKey str, 4 namespaceSelector LabelSelector
WeightedPodAffinityTerm
    1 weight int, 2 podAffinityTerm PodAffinityTerm
Volume
    1 name str, 2 * VolumeSource
VolumeSource
    1 hostPath HostPathVolumeSource, 2 emptyDir EmptyDirVolumeSource?, 6 secret SecretVolumeSource
    10 persistentVolumeClaim PersistentVolumeClaimVolumeSource, 16 downwardAPI ProjectedFields
    19 configMap ConfigMapVolumeSource, 26 projected ProjectedVolumeSource
HostPathVolumeSource
    1 path str, 2 type str
EmptyDirVolumeSource
    1 medium str, 2 sizeLimit quantity
PersistentVolumeClaimVolumeSource
    1 claimName str, 2 readOnly bool
SecretVolumeSource
    1 secretName str, 2 items KeyToPath[], 3 defaultMode int?, 4 optional bool?
ConfigMapVolumeSource
    1 * LocalObjectReference, 2 items KeyToPath[], 3 defaultMode int?, 4 optional bool?
ProjectedVolumeSource
    1 sources VolumeProjection[], 2 defaultMode int?
VolumeProjection
    1 secret ProjectedKeys, 2 downwardAPI ProjectedFields, 3 configMap ProjectedKeys, 4 serviceAccountToken ProjectedToken
ProjectedKeys
    1 * LocalObjectReference, 2 items KeyToPath[], 4 optional bool?
ProjectedFields
    1 items DownwardAPIVolumeFile[], 2 defaultMode int?
ProjectedToken
    1 audience str, 2 expirationSeconds int?, 3 path str
KeyToPath
    1 key str, 2 path str, 3 mode int?
DownwardAPIVolumeFile
    1 path str, 2 fieldRef ObjectFieldSelector, 3 resourceFieldRef ResourceFieldSelector, 4 mode int?
Container
    1 name str, 2 image str, 3 command str[], 4 args str[], 5 workingDir str, 6 ports ContainerPort[], 7 env EnvVar[]
    8 resources ResourceRequirements, 9 volumeMounts VolumeMount[], 10 livenessProbe Probe, 11 readinessProbe Probe
    12 lifecycle Lifecycle, 13 terminationMessagePath str, 14 imagePullPolicy str, 15 securityContext SecurityContext?
    16 stdin bool, 17 stdinOnce bool, 18 tty bool, 19 envFrom EnvFromSource[], 20 terminationMessagePolicy str
    22 startupProbe Probe, 24 restartPolicy str
VolumeMount
    1 name str, 2 readOnly bool, 3 mountPath str, 4 subPath str, 5 mountPropagation str, 6 subPathExpr str
Probe
    1 * Handler, 2 initialDelaySeconds int, 3 timeoutSeconds int, 4 periodSeconds int, 5 successThreshold int
    6 failureThreshold int, 7 terminationGracePeriodSeconds int?
ProbeOrSleep
    1 exec ExecAction, 2 httpGet HTTPGetAction, 3 tcpSocket TCPSocketAction, 4 sleep SleepAction
Lifecycle
    1 postStart ProbeOrSleep, 2 preStop ProbeOrSleep
Handler
    1 exec ExecAction, 2 httpGet HTTPGetAction, 3 tcpSocket TCPSocketAction, 4 grpc GRPCAction
ExecAction
    1 command str[]
HTTPGetAction
    1 path str, 2 port int-or-str, 3 host str, 4 scheme str, 5 httpHeaders HTTPHeader[]
HTTPHeader
    1 name str, 2 value str
TCPSocketAction
    1 port int-or-str, 2 host str
GRPCAction
    1 port int, 2 service str
SleepAction
    1 seconds int?
ContainerPort
    1 name str, 2 hostPort int, 3 containerPort int, 4 protocol str, 5 hostIP str
EnvVar
    1 name str, 2 value str, 3 valueFrom EnvVarSource
EnvVarSource
    1 fieldRef ObjectFieldSelector, 2 resourceFieldRef ResourceFieldSelector, 3 configMapKeyRef KeySelector
    4 secretKeyRef KeySelector
ObjectFieldSelector
    1 apiVersion str, 2 fieldPath str
ResourceFieldSelector
    1 containerName str, 2 resource str, 3 divisor quantity
KeySelector
    1 * LocalObjectReference, 2 key str, 3 optional bool?
EnvFromSource
    1 prefix str, 2 configMapRef EnvSource, 3 secretRef EnvSource
EnvSource
    1 * LocalObjectReference, 2 optional bool?
ResourceRequirements
    1 limits map quantity, 2 requests map quantity
Job
    1 metadata ObjectMeta, 2 spec JobSpec, 3 status JobStatus
JobSpec
    1 parallelism int?, 2 completions int?, 3 activeDeadlineSeconds int?, 4 selector LabelSelector, 5 manualSelector bool?
    6 template PodTemplateSpec, 7 backoffLimit int?, 8 ttlSecondsAfterFinished int?, 9 completionMode str, 10 suspend bool?
    12 backoffLimitPerIndex int?, 13 maxFailedIndexes int?, 14 podReplacementPolicy str, 15 managedBy str
JobStatus
    2 startTime time, 3 completionTime time, 4 active int, 5 succeeded int, 6 failed int, 8 uncountedTerminatedPods Empty
    9 ready int?, 11 terminating int?
CronJob
    1 metadata ObjectMeta, 2 spec CronJobSpec, 3 status CronJobStatus
CronJobSpec
    1 schedule str, 2 startingDeadlineSeconds int?, 3 concurrencyPolicy str, 4 suspend bool?, 5 jobTemplate JobTemplateSpec
    6 successfulJobsHistoryLimit int?, 7 failedJobsHistoryLimit int?, 8 timeZone str
CronJobStatus
    1 active ObjectReference[], 4 lastScheduleTime time, 5 lastSuccessfulTime time
JobTemplateSpec
    1 metadata ObjectMeta, 2 spec JobSpec
Service
    1 metadata ObjectMeta, 2 spec ServiceSpec, 3 status ServiceStatus
ServiceSpec
    1 ports ServicePort[], 2 selector map str, 3 clusterIP str, 4 type str, 5 externalIPs str[], 7 sessionAffinity str
    8 loadBalancerIP str, 10 externalName str, 11 externalTrafficPolicy str, 12 healthCheckNodePort int
    13 publishNotReadyAddresses bool
ServiceStatus
    1 loadBalancer Empty
ServicePort
    1 name str, 2 protocol str, 3 port int, 4 targetPort int-or-str, 5 nodePort int, 6 appProtocol str
SelfSubjectReview
    1 metadata ObjectMeta, 2 status SelfSubjectReviewStatus
SelfSubjectReviewStatus
    1 userInfo UserInfo
UserInfo
    1 username str, 2 uid str, 3 groups str[]
SelfSubjectAccessReview
    1 metadata ObjectMeta, 2 spec AccessReviewSpec, 3 status AccessReviewStatus
SubjectAccessReview
    1 metadata ObjectMeta, 2 spec SubjectAccessReviewSpec, 3 status AccessReviewStatus
LocalSubjectAccessReview
    1 metadata ObjectMeta, 2 spec SubjectAccessReviewSpec, 3 status AccessReviewStatus
AccessReviewSpec
    1 resourceAttributes ResourceAttributes, 2 nonResourceAttributes NonResourceAttributes
SubjectAccessReviewSpec
    1 resourceAttributes ResourceAttributes, 2 nonResourceAttributes NonResourceAttributes, 3 user str, 4 groups str[]
    6 uid str
ResourceAttributes
    1 namespace str, 2 verb str, 3 group str, 4 version str, 5 resource str, 6 subresource str, 7 name str
NonResourceAttributes
    1 path str, 2 verb str
AccessReviewStatus
    1 allowed bool, 2 reason str, 3 evaluationError str, 4 denied bool
SelfSubjectRulesReview
    1 metadata ObjectMeta, 2 spec SelfSubjectRulesReviewSpec, 3 status SubjectRulesReviewStatus
SelfSubjectRulesReviewSpec
    1 namespace str
SubjectRulesReviewStatus
    3 incomplete bool, 4 evaluationError str
TokenReview
    1 metadata ObjectMeta, 2 spec TokenReviewSpec, 3 status TokenReviewStatus
TokenReviewSpec
    1 token str, 2 audiences str[]
TokenReviewStatus
    1 authenticated bool, 2 user UserInfo, 3 error str, 4 audiences str[]
"""


def _field(text: str) -> tuple[int, Field]:
    number, name, *types = text.split()
    mapped, kind = types[0] == "map", types[-1]
    keeps_zero, repeated = kind.endswith("?"), kind.endswith("[]")
    return int(number), Field(name, kind.rstrip("?[]"), repeated, mapped, keeps_zero)


def _tables() -> dict[str, dict[int, Field]]:
    tables: dict[str, dict[int, Field]] = {}
    fields: dict[int, Field] = {}
    for line in _TEXT.strip().splitlines():
        if line.startswith(" "):
            fields.update(_field(part) for part in line.split(","))
        else:
            fields = tables.setdefault(line.strip(), {})
    return tables


MESSAGES = _tables()
"""Every message by name, its fields by number."""
