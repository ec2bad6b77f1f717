"""Defaults: what a server writes into an object that its author left open."""

from __future__ import annotations

from tests.conformance.checking import check
from tests.conformance.manifests import NOWHERE, idle_deployment, pod, unplaced
from tests.conformance.space import Space
from tests.conformance.transport import Json

CONTAINER = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "resources": {}}
POD = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
}


def holds(found: Json, expected: Json) -> None:
    got = {key: found.get(key) for key in expected}
    assert got == expected, f"expected {expected}, but got {got}"


@check("A Deployment rolls a quarter at a time, keeps ten revisions and waits ten minutes.")
def defaults_of_a_deployment(space: Space) -> None:
    body = idle_deployment("web")
    del body["spec"]["replicas"]
    spec = space.post("deployments", body, dryRun="All").expect(201)["spec"]
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
    holds(spec, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600, "strategy": strategy})
    holds(spec["template"]["spec"], POD)
    holds(spec["template"]["spec"]["containers"][0], {**CONTAINER, "imagePullPolicy": "IfNotPresent"})
    assert spec["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 8080, "protocol": "TCP"}]


@check("A pod gets its account, a mounted token, tolerations of lost nodes, and a class of service.")
def defaults_of_a_pod(space: Space) -> None:
    made = space.make("pods", unplaced("a"))
    spec = made["spec"]
    holds(spec, {"serviceAccountName": "default", "serviceAccount": "default", "enableServiceLinks": True, "priority": 0})
    holds(spec, {"preemptionPolicy": "PreemptLowerPriority", "restartPolicy": "Always", "dnsPolicy": "ClusterFirst"})
    lost = [{"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for key in ("not-ready", "unreachable")]  # fmt: skip
    assert spec["tolerations"] == lost
    mount = spec["containers"][0]["volumeMounts"][0]
    assert (mount["mountPath"], mount["readOnly"]) == ("/var/run/secrets/kubernetes.io/serviceaccount", True)
    volume = next(item for item in spec["volumes"] if item["name"] == mount["name"])
    assert mount["name"].startswith("kube-api-access-")
    sources = [next(iter(item)) for item in volume["projected"]["sources"]]
    assert sources == ["serviceAccountToken", "configMap", "downwardAPI"]
    assert made["status"]["phase"] == "Pending"
    assert made["status"]["qosClass"] == "BestEffort"


@check("A pod that wants no token gets none.")
def no_token(space: Space) -> None:
    made = space.make("pods", unplaced("a", automountServiceAccountToken=False))
    assert not made["spec"].get("volumes")


@check("A pod of an account that is not there is a 403.")
def a_pod_of_nobody(space: Space) -> None:
    found = space.post("pods", unplaced("a", serviceAccountName="nobody")).refused(403, "Forbidden")
    why = f'error looking up service account {space.name}/nobody: serviceaccount "nobody" not found'
    assert found["message"] == f'pods "a" is forbidden: {why}'


@check("The class of service follows requests and limits, and limits stand in for requests.")
def classes_of_service(space: Space) -> None:
    both = {"cpu": "100m", "memory": "64Mi"}
    for name, resources, expected in (
        ("none", {}, "BestEffort"),
        ("some", {"requests": {"cpu": "10m"}}, "Burstable"),
        ("all", {"limits": both}, "Guaranteed"),
    ):
        container = {"name": "main", "image": NOWHERE, "resources": resources}
        made = space.post("pods", pod(name, container), dryRun="All").expect(201)
        assert made["status"]["qosClass"] == expected, name
        if name == "all":
            assert made["spec"]["containers"][0]["resources"] == {"limits": both, "requests": both}


@check("An image without a tag, or of the tag latest, is always pulled.")
def pull_policies(space: Space) -> None:
    for image, expected in (("a", "Always"), ("a:latest", "Always"), ("a:1", "IfNotPresent"), ("host:5000/a", "Always")):
        made = space.post("pods", pod("a", {"name": "main", "image": image}), dryRun="All").expect(201)
        assert made["spec"]["containers"][0]["imagePullPolicy"] == expected, image


@check("Probes look every ten seconds, for one second, three times.")
def defaults_of_probes(space: Space) -> None:
    container = {"name": "main", "image": NOWHERE, "readinessProbe": {"httpGet": {"port": 8080}}}
    made = space.post("pods", pod("a", container), dryRun="All").expect(201)["spec"]["containers"][0]["readinessProbe"]
    times = {"periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3, "successThreshold": 1}
    holds(made, times)
    assert made["httpGet"] == {"path": "/", "port": 8080, "scheme": "HTTP"}


@check("A Service gets an address, and its port is also the pods'.")
def defaults_of_a_service(space: Space) -> None:
    spec = {"ports": [{"port": 8080}], "selector": {"app": "web"}}
    made = space.make("services", {"metadata": {"name": "web"}, "spec": spec})["spec"]
    holds(made, {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"})
    holds(made, {"ipFamilyPolicy": "SingleStack", "clusterIPs": [made["clusterIP"]]})
    assert made["ports"] == [{"port": 8080, "protocol": "TCP", "targetPort": 8080}]
    headless = {"metadata": {"name": "bare"}, "spec": {**spec, "clusterIP": "None"}}
    assert space.make("services", headless)["spec"]["clusterIP"] == "None"


@check("An autoscaler without metrics goes by 80 % of the CPU.")
def defaults_of_an_autoscaler(space: Space) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    body = {"metadata": {"name": "web"}, "spec": {"scaleTargetRef": target, "maxReplicas": 3}}
    made = space.post("horizontalpodautoscalers", body, dryRun="All").expect(201)["spec"]
    assert made["minReplicas"] == 1
    usage = {"type": "Utilization", "averageUtilization": 80}
    assert made["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": usage}}]


@check("StatefulSets and DaemonSets roll as Kubernetes has them.")
def defaults_of_other_workloads(space: Space) -> None:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "main", "image": NOWHERE}]}}
    base = {"selector": {"matchLabels": {"app": "a"}}, "template": template}
    body = {"metadata": {"name": "a"}, "spec": {**base, "serviceName": "a"}}
    spec = space.post("statefulsets", body, dryRun="All").expect(201)["spec"]
    holds(spec, {"replicas": 1, "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10})
    holds(spec, {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}})
    spec = space.post("daemonsets", {"metadata": {"name": "a"}, "spec": base}, dryRun="All").expect(201)["spec"]
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    holds(spec, {"revisionHistoryLimit": 10, "updateStrategy": rolling})
