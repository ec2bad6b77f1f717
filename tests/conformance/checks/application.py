"""An application as its manifests describe it, and a tool beside it that keeps records, takes a lock and changes it with care.

These are the requests that gameday and its shop make, with all the fields that they use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from tests.conformance.checking import check
from tests.conformance.manifests import NOWHERE, idle_deployment, unplaced
from tests.conformance.space import Space
from tests.conformance.transport import Json

RBAC = "/apis/rbac.authorization.k8s.io/v1"
OURS = {"app.kubernetes.io/part-of": "conformance"}


def probe(path: str) -> Json:
    return {"httpGet": {"path": path, "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 2}


def container(**more: object) -> Json:
    account = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}
    address = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    return {
        "name": "main",
        "image": NOWHERE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["web"],
        "args": ["serve"],
        "env": [address, account, {"name": "MODE", "value": "quick"}],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": probe("/readyz"),
        "livenessProbe": probe("/livez"),
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        **more,
    }


def locked_down(**more: object) -> Json:
    """Return a container that may do as little as possible."""
    rights = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    return container(securityContext=rights, **more)


def pod_template(*containers: Json, **spec: object) -> Json:
    whole = {"automountServiceAccountToken": False, "terminationGracePeriodSeconds": 5, "containers": list(containers), **spec}
    return {"metadata": {"labels": {"app": "web", **OURS}}, "spec": whole}


def application(space: Space) -> list[Json]:
    """Return the manifests of a small application, none of whose pods is asked for."""
    named = {"namespace": space.name, "labels": {"app": "web", **OURS}}
    mounts, volumes = [{"name": "data", "mountPath": "/data"}], [{"name": "data", "persistentVolumeClaim": {"claimName": "web"}}]

    def deployment(name: str, strategy: Json) -> Json:
        template = pod_template(container(volumeMounts=mounts), volumes=volumes)
        selector = {"matchLabels": {"app": "web"}}
        spec = {"replicas": 0, "revisionHistoryLimit": 2, "strategy": strategy, "selector": selector, "template": template}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, **named}, "spec": spec}

    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    port = {"name": "http", "port": 8080, "targetPort": "http"}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    binding = {"subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": space.name}], "roleRef": role}
    key = {"name": "keys", "namespace": space.name}
    service = {"type": "ClusterIP", "selector": {"app": "web"}, "ports": [port]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{space.name}-app", "labels": OURS}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "web", **named}, **binding},
        {"apiVersion": "v1", "kind": "Secret", "metadata": key, "type": "Opaque", "stringData": {"token": "s3cret"}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", **named}, "spec": service},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "web", **named}, "spec": claim},
        deployment("web", rolling),
        deployment("one", {"type": "Recreate"}),
    ]


@check("kubectl applies the manifests of a whole application, and finds it unchanged the second time.")
def kubectl_apply_an_application(space: Space) -> None:
    listed = yaml.safe_dump_all(application(space))
    try:
        first = space.kubectl("apply", "-f", "-", stdin=listed).splitlines()
        assert [line.rpartition(" ")[2] for line in first] == ["created"] * 7
        second = dict(line.rsplit(" ", 1) for line in space.kubectl("apply", "-f", "-", stdin=listed).splitlines())
        assert second["service/web"] == second["persistentvolumeclaim/web"] == "unchanged"
        found = space.read("deployments/web")
        assert found["metadata"]["generation"] == 1
        assert space.read("secrets/keys")["data"] == {"token": "czNjcmV0"}
        main = found["spec"]["template"]["spec"]["containers"][0]
        wanted = container()
        for field in ("args", "env", "resources", "imagePullPolicy", "image"):
            if field != "env":
                assert main[field] == wanted[field], field
        assert [item["name"] for item in main["env"]] == ["POD_IP", "TOKEN", "MODE"]
        assert space.read("deployments/one")["spec"]["strategy"] == {"type": "Recreate"}
        owner = space.eventually(lambda: space.items("replicasets", labelSelector="app=web"))[0]["metadata"]
        assert space.read(f"replicasets/{owner['name']}")["metadata"]["uid"] == owner["uid"]
    finally:
        space.delete(f"/api/v1/namespaces/{space.name}-app")


@contextmanager
def cluster_wide(space: Space) -> Iterator[str]:
    """Yield a name for what belongs to no namespace, and remove what has it afterwards."""
    name = f"{space.name}-reader"
    try:
        yield name
    finally:
        space.delete(f"{RBAC}/clusterrolebindings/{name}")
        space.delete(f"{RBAC}/clusterroles/{name}")


def installation(space: Space, name: str) -> dict[str, Json]:
    """Return what a tool applies to install itself, by path."""
    rules = [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mine"], "verbs": ["get", "update"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]},
    ]
    subject = {"kind": "ServiceAccount", "name": "tool", "namespace": space.name}

    def bound(kind: str, role: str) -> Json:
        return {"subjects": [subject], "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}}

    safe = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    lost = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
    guard = pod_template(locked_down(), serviceAccountName="tool", securityContext=safe, tolerations=[lost])
    deployment = {"replicas": 0, "revisionHistoryLimit": 2, "selector": {"matchLabels": {"app": "web"}}, "template": guard}
    files = {"name": "files", "configMap": {"name": "files", "items": [{"key": "plan", "path": "plans/plan.yaml"}]}}
    runner = locked_down(volumeMounts=[{"name": "files", "mountPath": "/project"}], workingDir="/project")
    job = pod_template(
        runner, serviceAccountName="tool", securityContext={**safe, "fsGroup": 65532}, restartPolicy="Never", volumes=[files]
    )
    job["metadata"]["annotations"] = {"example.org/note": "kept"}
    scheduled = {
        "schedule": "0 0 29 2 *",
        "suspend": True,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 300,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {"metadata": {"labels": OURS}, "spec": {"backoffLimit": 0, "template": job}},
    }
    budget = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    rbac = "rbac.authorization.k8s.io/v1"
    return {
        f"/api/v1/namespaces/{space.name}": {"apiVersion": "v1", "kind": "Namespace", "labels": OURS},
        "serviceaccounts/tool": {"apiVersion": "v1", "kind": "ServiceAccount", "automountServiceAccountToken": False},
        "configmaps/files": {"apiVersion": "v1", "kind": "ConfigMap", "data": {"plan": "title: x\n"}},
        f"{RBAC}/clusterroles/{name}": {"apiVersion": rbac, "kind": "ClusterRole", "rules": rules},
        f"{RBAC}/clusterrolebindings/{name}": {"apiVersion": rbac, "kind": "ClusterRoleBinding", **bound("ClusterRole", name)},
        "roles/tool": {"apiVersion": rbac, "kind": "Role", "rules": rules},
        "rolebindings/tool": {"apiVersion": rbac, "kind": "RoleBinding", **bound("Role", "tool")},
        "deployments/tool": {"apiVersion": "apps/v1", "kind": "Deployment", "spec": deployment},
        "cronjobs/tool": {"apiVersion": "batch/v1", "kind": "CronJob", "spec": scheduled},
        "poddisruptionbudgets/tool": {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": budget},
    }


@check("A tool installs itself by server-side apply, and finds nothing to do the second time.")
def apply_an_installation(space: Space) -> None:
    with cluster_wide(space) as name:
        for path, obj in installation(space, name).items():
            place = {} if path.startswith("/") else {"namespace": space.name}
            labels = obj.pop("labels", OURS)
            body = {**obj, "metadata": {"name": path.rpartition("/")[2], "labels": labels, **place}}
            first = space.apply(path, body, "tool", force="true")
            assert first.status in {200, 201}, first.text
            again = space.apply(path, body, "tool", force="true").expect(200)
            # What a controller writes into a status in between counts as no generation.
            same = "generation" if "generation" in again["metadata"] else "resourceVersion"
            assert again["metadata"][same] == first.body["metadata"][same], path
            assert again["metadata"]["labels"].items() >= OURS.items()
            assert again["kind"] == obj["kind"]
        assert space.read(f"{RBAC}/clusterroles/{name}")["rules"][0]["resourceNames"] == ["mine"]
        assert space.read(f"{RBAC}/clusterrolebindings/{name}")["roleRef"]["name"] == name
        assert space.read("rolebindings/tool")["subjects"][0]["namespace"] == space.name


@check("A record in a Secret is replaced only as it was read, and removed only as it was last written.")
def records_in_secrets(space: Space) -> None:
    record: Json = {"metadata": {"name": "record", "namespace": space.name, "labels": OURS}, "type": "example.org/record"}
    made = space.make("secrets", {**record, "data": {"record": "e30="}})
    version = made["metadata"]["resourceVersion"]
    body = {**record, "metadata": {**record["metadata"], "resourceVersion": version}, "data": {"record": "e30K"}}
    now = space.put("secrets/record", body).expect(200)["metadata"]["resourceVersion"]
    space.put("secrets/record", body).refused(409, "Conflict")
    old = {"preconditions": {"resourceVersion": version}, "propagationPolicy": "Background"}
    space.delete("secrets/record", old).refused(409, "Conflict")
    space.delete("secrets/record", {**old, "preconditions": {"resourceVersion": now}}).expect(200)
    space.get("secrets/record").refused(404, "NotFound")


@check("A Lease is a lock: it is taken once, renewed only as it was read, and given back only by who has it.")
def leases_as_locks(space: Space) -> None:
    begun = "2026-01-01T00:00:00.000000Z"
    spec = {"holderIdentity": "me", "leaseDurationSeconds": 15, "acquireTime": begun, "renewTime": begun}
    metadata = {"name": "lock", "namespace": space.name, "labels": OURS, "annotations": {"example.org/host": "here"}}
    made = space.make("leases", {"metadata": metadata, "spec": spec})
    assert made["spec"] == spec
    space.post("leases", {"metadata": metadata, "spec": spec}).refused(409, "AlreadyExists")
    renewed = {**made, "spec": {**spec, "renewTime": "2026-01-01T00:00:05.000000Z"}}
    now = space.put("leases/lock", renewed).expect(200)
    assert now["spec"]["renewTime"] == "2026-01-01T00:00:05.000000Z"
    space.put("leases/lock", renewed).refused(409, "Conflict")
    uid = made["metadata"]["uid"]
    stale = {"preconditions": {"uid": uid, "resourceVersion": made["metadata"]["resourceVersion"]}}
    space.delete("leases/lock", {**stale, "propagationPolicy": "Background"}).refused(409, "Conflict")
    right = {"preconditions": {"uid": uid, "resourceVersion": now["metadata"]["resourceVersion"]}}
    space.delete("leases/lock", {**right, "propagationPolicy": "Background"}).expect(200)


@check("A Deployment is changed by a JSON patch only as it was read, and marked in the same stroke.")
def a_careful_change(space: Space) -> None:
    made = space.make("deployments", idle_deployment("web", paused=True))
    space.patch("deployments/web", {"metadata": {"annotations": {"note": "x"}}}).expect(200)

    def careful(*operations: Json) -> Json:
        """Patch as last read; again, if a controller wrote in between."""

        def attempt() -> Json:
            version = space.read("deployments/web")["metadata"]["resourceVersion"]
            seen = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
            reply = space.patch("deployments/web", [seen, *operations], "json")
            return dict(reply.body) if reply.status == 200 else {}

        return space.eventually(attempt)

    changed = careful(
        {"op": "test", "path": "/spec/replicas", "value": 0},
        {"op": "replace", "path": "/spec/replicas", "value": 2},
        {"op": "add", "path": "/metadata/annotations/example.org~1mark", "value": "run-1"},
    )
    assert (changed["spec"]["replicas"], changed["metadata"]["annotations"]["example.org/mark"]) == (2, "run-1")
    assert changed["metadata"]["uid"] == made["metadata"]["uid"]
    wrong = [{"op": "test", "path": "/spec/replicas", "value": 0}, {"op": "replace", "path": "/spec/replicas", "value": 5}]
    space.patch("deployments/web", wrong, "json").refused(422, "Invalid")
    old = [{"op": "test", "path": "/metadata/resourceVersion", "value": made["metadata"]["resourceVersion"]}]
    space.patch("deployments/web", old, "json").refused(422, "Invalid")
    undone = careful(
        {"op": "test", "path": "/metadata/annotations/example.org~1mark", "value": "run-1"},
        {"op": "remove", "path": "/metadata/annotations/example.org~1mark"},
        {"op": "replace", "path": "/spec/replicas", "value": 0},
    )
    assert undone["spec"]["replicas"] == 0
    assert undone["metadata"]["annotations"].items() >= {"note": "x"}.items()
    assert "example.org/mark" not in undone["metadata"]["annotations"]


@check("A pod is deleted and evicted only as the one that was seen.")
def a_careful_deletion(space: Space) -> None:
    for name in ("a", "b"):
        space.make("pods", unplaced(name))
    other = {"uid": "11111111-1111-1111-1111-111111111111"}
    space.delete("pods/a", {"preconditions": other, "propagationPolicy": "Background"}).refused(409, "Conflict")
    uid = space.read("pods/b")["metadata"]["uid"]
    options: Json = {"apiVersion": "policy/v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
    body: Json = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "b", "namespace": space.name}}
    space.post("pods/b/eviction", {**body, "deleteOptions": {**options, "preconditions": other}}).refused(409, "Conflict")
    space.post("pods/b/eviction", {**body, "deleteOptions": {**options, "preconditions": {"uid": uid}}}).expect(201)
    space.gone("pods/b")

    def careful() -> bool:
        """Delete as last read; again, if the scheduler wrote in between."""
        seen = space.read("pods/a")["metadata"]
        exactly = {"uid": seen["uid"], "resourceVersion": seen["resourceVersion"]}
        return space.delete("pods/a", {"preconditions": exactly, "propagationPolicy": "Background"}).status == 200

    space.eventually(careful)
    space.get("pods/a").refused(404, "NotFound")


@check("Namespaces and pods are found by their labels, in pages.")
def found_by_labels(space: Space) -> None:
    space.patch(f"/api/v1/namespaces/{space.name}", {"metadata": {"labels": {"of": space.name}}}).expect(200)
    found = space.items("/api/v1/namespaces", labelSelector=f"of={space.name}", limit=500)
    assert [item["metadata"]["name"] for item in found] == [space.name]
    for name in ("a", "b"):
        space.make("pods", unplaced(name, labels={"of": "us"}))
    page = space.get("pods", labelSelector="of=us", limit=1).expect(200)
    assert [item["metadata"]["name"] for item in page["items"]] == ["a"]
    rest = space.get("pods", labelSelector="of=us", limit=1, **{"continue": page["metadata"]["continue"]}).expect(200)
    assert [item["metadata"]["name"] for item in rest["items"]] == ["b"]


@check("Every answer says what time it is.")
def the_time_is_told(space: Space) -> None:
    date = space.get("configmaps").headers["Date"]
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", date)
    assert json.loads(space.get("/version").text)["major"] == "1"
