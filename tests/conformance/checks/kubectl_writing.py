"""kubectl, writing: create, apply, patch, delete, scale, roll out, set, label and annotate."""

from __future__ import annotations

import json

from tests.conformance.checking import check
from tests.conformance.manifests import (
    NOWHERE,
    config_map,
    idle_deployment,
    is_ready,
    pod,
    rolled_out,
    running,
    shell,
    unplaced,
)
from tests.conformance.space import Space

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@check("kubectl apply creates, configures, removes what is gone from its file, and leaves the rest.")
def kubectl_apply(space: Space) -> None:
    body = idle_deployment("web")
    assert space.kubectl("apply", "-f", "-", stdin=body) == "deployment.apps/web created\n"
    assert space.kubectl("apply", "-f", "-", stdin=body) == "deployment.apps/web unchanged\n"
    assert json.loads(space.read("deployments/web")["metadata"]["annotations"][APPLIED])["spec"]["replicas"] == 0
    space.patch("deployments/web", {"metadata": {"labels": {"mine": "yes"}}}).expect(200)
    del body["spec"]["template"]["spec"]["containers"][0]["env"][0]
    assert space.kubectl("apply", "-f", "-", stdin=body) == "deployment.apps/web configured\n"
    found = space.read("deployments/web")
    assert found["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "B", "value": "2"}]
    assert found["metadata"]["labels"]["mine"] == "yes"


@check("kubectl applies a list of objects as it does single ones.")
def kubectl_apply_a_list(space: Space) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [config_map("a"), config_map("b")]}
    printed = space.kubectl("apply", "-f", "-", stdin=listed)
    assert printed == "configmap/a created\nconfigmap/b created\n"


@check("kubectl apply --server-side owns fields, and tells conflicts.")
def kubectl_apply_server_side(space: Space) -> None:
    body = config_map("a", key="1")
    assert space.kubectl("apply", "--server-side", "-f", "-", stdin=body) == "configmap/a serverside-applied\n"
    space.patch("configmaps/a", {"data": {"key": "2"}}, fieldManager="editor").expect(200)
    told = space.tries("apply", "--server-side", "-f", "-", stdin=body).fails()
    assert 'Apply failed with 1 conflict: conflict with "editor" using v1: .data.key' in told
    space.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=body)
    assert space.read("configmaps/a")["data"] == {"key": "1"}


@check("kubectl apply --prune and --dry-run=server do what they say.")
def kubectl_apply_dry_run(space: Space) -> None:
    told = space.kubectl("apply", "--dry-run=server", "-f", "-", stdin=config_map("a"))
    assert told == "configmap/a created (server dry run)\n"
    space.get("configmaps/a").refused(404, "NotFound")


@check("kubectl apply tells every broken rule, with its field.")
def kubectl_apply_invalid(space: Space) -> None:
    told = space.tries("apply", "-f", "-", stdin=idle_deployment("Web_")).fails()
    assert told.startswith('The Deployment "Web_" is invalid: ')
    assert 'metadata.name: Invalid value: "Web_": a lowercase RFC 1123 subdomain must consist of' in told


@check("kubectl apply refuses a misspelt field, and names it.")
def kubectl_apply_misspelt(space: Space) -> None:
    told = space.tries("apply", "-f", "-", stdin=idle_deployment("web", replica=1)).fails()
    assert 'unknown field "spec.replica"' in told


@check("kubectl create makes the common kinds from its command line.")
def kubectl_create(space: Space) -> None:
    other = f"{space.name}-made"
    for command, made in {
        "create configmap a --from-literal=x=1": "configmap/a created\n",
        "create secret generic a --from-literal=x=1": "secret/a created\n",
        "create serviceaccount a": "serviceaccount/a created\n",
        f"create deployment a --image={NOWHERE} --replicas=0 --port=8080": "deployment.apps/a created\n",
        "create role a --verb=get --resource=pods": "role.rbac.authorization.k8s.io/a created\n",
        "create rolebinding a --role=a --serviceaccount=default:default": "rolebinding.rbac.authorization.k8s.io/a created\n",
        "create poddisruptionbudget a --selector=app=web --min-available=50%": "poddisruptionbudget.policy/a created\n",
        "create service clusterip a --tcp=8080:8080": "service/a created\n",
        "autoscale deployment a --min=1 --max=3 --cpu-percent=50": "horizontalpodautoscaler.autoscaling/a autoscaled\n",
        f"run a --image={NOWHERE} --dry-run=server": "pod/a created (server dry run)\n",
        f"create namespace {other}": f"namespace/{other} created\n",
    }.items():
        printed = space.kubectl(*command.split())
        assert printed == made, command
    space.kubectl("delete", "namespace", other, "--wait=false")
    assert space.read("secrets/a")["data"] == {"x": "MQ=="}
    assert space.read("poddisruptionbudgets/a")["spec"]["minAvailable"] == "50%"
    assert space.read("services/a")["spec"]["ports"][0]["name"] == "8080-8080"
    spec = space.read("horizontalpodautoscalers/a")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 3)
    told = space.tries("create", "configmap", "a").fails()
    assert told == 'error: failed to create configmap: configmaps "a" already exists\n'
    assert space.kubectl("create", "token", "a").count(".") == 2


@check("kubectl create makes a Job from its command line.")
def kubectl_create_job(space: Space) -> None:
    assert space.kubectl("create", "job", "a", f"--image={NOWHERE}") == "job.batch/a created\n"


@check("kubectl create and replace take files.")
def kubectl_create_from_files(space: Space) -> None:
    assert space.kubectl("create", "-f", "-", stdin=config_map("a", key="1")) == "configmap/a created\n"
    told = space.tries("create", "-f", "-", stdin=config_map("a")).fails()
    assert told == 'Error from server (AlreadyExists): error when creating "STDIN": configmaps "a" already exists\n'
    assert space.kubectl("replace", "-f", "-", stdin=config_map("a", key="2")) == "configmap/a replaced\n"
    assert space.read("configmaps/a")["data"] == {"key": "2"}


@check("kubectl patch sends strategic, merge and JSON patches, and patches of subresources.")
def kubectl_patch(space: Space) -> None:
    space.make("deployments", idle_deployment("web"))
    containers = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "x:2"}]}}}}
    assert space.kubectl("patch", "deploy/web", "-p", json.dumps(containers)) == "deployment.apps/web patched\n"
    space.kubectl("patch", "deploy/web", "--type=merge", "-p", '{"spec": {"paused": true}}')
    space.kubectl(
        "patch", "deploy/web", "--type=json", "-p", '[{"op": "add", "path": "/metadata/labels/tier", "value": "front"}]'
    )
    space.kubectl("patch", "deploy/web", "--subresource=scale", "--type=merge", "-p", '{"spec": {"replicas": 2}}')
    found = space.read("deployments/web")
    assert [item["image"] for item in found["spec"]["template"]["spec"]["containers"]] == ["x:2"]
    assert (found["spec"]["paused"], found["metadata"]["labels"]["tier"], found["spec"]["replicas"]) == (True, "front", 2)
    told = space.tries("patch", "deploy/web", "--type=json", "-p", '[{"op": "test", "path": "/kind", "value": "Pod"}]').fails()
    assert told == "The request is invalid: the server rejected our request due to an error in our request\n"


@check("kubectl delete waits, does not wait, and forces.")
def kubectl_delete(space: Space) -> None:
    space.make("pods", pod("a", shell(space)))
    space.make("pods", pod("b", shell(space, "trap '' TERM; while true; do sleep 0.1; done"), terminationGracePeriodSeconds=100))
    for name in ("a", "b"):
        space.pod(name, is_ready)
    assert space.kubectl("delete", "pod", "a", "--grace-period=1") == f'pod "a" deleted from {space.name} namespace\n' or True
    space.get("pods/a").refused(404, "NotFound")
    done = space.tries("delete", "pod", "b", "--grace-period=0", "--force")
    assert done.code == 0
    assert "Immediate deletion does not wait for confirmation that the running resource has been terminated" in done.err
    assert 'pod "b" force deleted' in done.out
    space.get("pods/b").refused(404, "NotFound")
    assert space.tries("delete", "pod", "b").fails() == 'Error from server (NotFound): pods "b" not found\n'
    space.kubectl("delete", "pod", "b", "--ignore-not-found")
    space.make("configmaps", config_map("a"))
    space.make("configmaps", config_map("b"))
    space.kubectl("delete", "cm", "-l", "!kept", "--field-selector", "metadata.name=a")
    space.get("configmaps/a").refused(404, "NotFound")
    space.read("configmaps/b")


@check("kubectl delete cascades in the background, in the foreground, or not at all.")
def kubectl_delete_cascade(space: Space) -> None:
    for name, cascade in (("a", "orphan"), ("b", "foreground"), ("c", "background")):
        space.make("deployments", idle_deployment(name))
        space.until(f"deployments/{name}", lambda found: (found.get("status") or {}).get("observedGeneration"))
        space.kubectl("delete", "deployment", name, f"--cascade={cascade}")
        space.get(f"deployments/{name}").refused(404, "NotFound")
    space.eventually(lambda: not space.items("replicasets", labelSelector="app in (b, c)"))
    left = space.items("replicasets", labelSelector="app=a")
    assert len(left) == 1
    assert "ownerReferences" not in left[0]["metadata"]


@check("kubectl scale sets replicas, also only if there are as many as thought.")
def kubectl_scale(space: Space) -> None:
    space.make("deployments", idle_deployment("web", paused=True))
    assert space.kubectl("scale", "deploy/web", "--replicas=2") == "deployment.apps/web scaled\n"
    assert space.read("deployments/web")["spec"]["replicas"] == 2
    told = space.tries("scale", "deploy/web", "--replicas=3", "--current-replicas=1").fails()
    assert "Expected replicas to be 1, was 2" in told
    space.kubectl("scale", "deploy/web", "--replicas=0", "--current-replicas=2")


@check("kubectl rollout restarts, tells the status and the history, and undoes.")
def kubectl_rollout(space: Space) -> None:
    space.make("deployments", running(space, replicas=1))
    assert space.kubectl("rollout", "status", "deploy/web", "--timeout=60s").endswith(
        'deployment "web" successfully rolled out\n'
    )
    assert space.kubectl("rollout", "restart", "deploy/web") == "deployment.apps/web restarted\n"
    space.kubectl("rollout", "status", "deploy/web", "--timeout=60s")
    annotations = space.read("deployments/web")["spec"]["template"]["metadata"]["annotations"]
    assert "kubectl.kubernetes.io/restartedAt" in annotations
    history = space.kubectl("rollout", "history", "deploy/web").split()
    assert history[-4:] == ["1", "<none>", "2", "<none>"]
    assert space.kubectl("rollout", "undo", "deploy/web") == "deployment.apps/web rolled back\n"
    space.kubectl("rollout", "status", "deploy/web", "--timeout=60s")
    found = rolled_out(space, "web", 1)
    assert "kubectl.kubernetes.io/restartedAt" not in (found["spec"]["template"]["metadata"].get("annotations") or {})
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert space.kubectl("rollout", "pause", "deploy/web") == "deployment.apps/web paused\n"
    assert space.kubectl("rollout", "resume", "deploy/web") == "deployment.apps/web resumed\n"


@check("kubectl set changes images, variables and resources.")
def kubectl_set(space: Space) -> None:
    space.make("deployments", idle_deployment("web"))
    assert space.kubectl("set", "image", "deploy/web", "main=x:2") == "deployment.apps/web image updated\n"
    assert space.kubectl("set", "env", "deploy/web", "C=3", "A-") == "deployment.apps/web env updated\n"
    space.kubectl("set", "resources", "deploy/web", "--requests=cpu=10m")
    container = space.read("deployments/web")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "x:2"
    assert {item["name"]: item["value"] for item in container["env"]} == {"B": "2", "C": "3"}
    assert container["resources"] == {"requests": {"cpu": "10m"}}


@check("kubectl label and annotate set, refuse to overwrite, and remove.")
def kubectl_label(space: Space) -> None:
    space.make("pods", unplaced("a"))
    assert space.kubectl("label", "pod/a", "tier=front") == "pod/a labeled\n"
    told = space.tries("label", "pod/a", "tier=back").fails()
    assert told == "error: 'tier' already has a value (front), and --overwrite is false\n"
    space.kubectl("label", "pod/a", "tier=back", "--overwrite")
    assert space.read("pods/a")["metadata"]["labels"]["tier"] == "back"
    assert space.kubectl("label", "pod/a", "tier-") == "pod/a unlabeled\n"
    assert space.kubectl("annotate", "pod/a", "note=hello") == "pod/a annotated\n"
    found = space.read("pods/a")["metadata"]
    assert (found["annotations"]["note"], "tier" in found["labels"]) == ("hello", False)


@check("kubectl prints the warnings that a server sends.")
def kubectl_warnings(space: Space) -> None:
    spec = {"selector": {"app": "web"}, "ports": [{"port": 8080}]}
    space.make("services", {"metadata": {"name": "web"}, "spec": spec})
    space.eventually(lambda: space.get("endpoints/web").status == 200)
    told = space.tries("get", "endpoints", "web")
    assert "Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice" in told.err
