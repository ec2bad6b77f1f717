"""The tables that `kubectl get` prints: which columns each kind has, and how their cells are worded."""

from __future__ import annotations

from tests.conformance.checking import check
from tests.conformance.manifests import NOWHERE, config_map, idle_deployment, unplaced
from tests.conformance.space import Space
from tests.conformance.transport import TABLE, Json

TEMPLATE = ["Containers*", "Images*", "Selector*"]
ALWAYS: dict[str, list[str]] = {
    "pods": ["Name", "Ready", "Status", "Restarts", "Age", "IP*", "Node*", "Nominated Node*", "Readiness Gates*"],
    "deployments": ["Name", "Ready", "Up-to-date", "Available", "Age", *TEMPLATE],
    "replicasets": ["Name", "Desired", "Current", "Ready", "Age", *TEMPLATE],
    "daemonsets": ["Name", "Desired", "Current", "Ready", "Up-to-date", "Available", "Node Selector", "Age", *TEMPLATE],
    "statefulsets": ["Name", "Ready", "Age", "Containers*", "Images*"],
    "services": ["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector*"],
    "configmaps": ["Name", "Data", "Age"],
    "secrets": ["Name", "Type", "Data", "Age"],
    "endpointslices": ["Name", "AddressType", "Ports", "Endpoints", "Age"],
    "leases": ["Name", "Holder", "Age"],
    "poddisruptionbudgets": ["Name", "Min Available", "Max Unavailable", "Allowed Disruptions", "Age"],
    "horizontalpodautoscalers": ["Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"],
    "/api/v1/namespaces": ["Name", "Status", "Age"],
}
EVENTS = ["Last Seen", "Type", "Reason", "Object", "Subobject*", "Source*", "Message", "First Seen*", "Count*", "Name*"]
NODES = ["Internal-IP*", "External-IP*", "OS-Image*", "Kernel-Version*", "Container-Runtime*"]


def columns(found: Json) -> list[str]:
    """Return the headings; * marks those of `-o wide`."""
    return [item["name"] + ("*" if item["priority"] else "") for item in found["columnDefinitions"]]


def row(found: Json, number: int = 0) -> dict[str, object]:
    headings = [item["name"] for item in found["columnDefinitions"]]
    return dict(zip(headings, found["rows"][number]["cells"], strict=True))


@check("Each common kind has Kubernetes' columns in its table.")
def table_columns(space: Space) -> None:
    wrong = []
    for path, expected in ALWAYS.items():
        found = space.get(path, accept=TABLE, limit=1).expect(200)
        assert (found["kind"], found["apiVersion"]) == ("Table", "meta.k8s.io/v1")
        wrong += [f"{path}: expected {expected}, but got {columns(found)}"] if columns(found) != expected else []
    assert not wrong, "; ".join(wrong)


@check("The tables of nodes and events have Kubernetes' wide columns.")
def table_columns_wide(space: Space) -> None:
    found = space.get("/api/v1/nodes", accept=TABLE, limit=1).expect(200)
    assert columns(found) == ["Name", "Status", "Roles", "Age", "Version", *NODES]
    assert columns(space.get("events", accept=TABLE).expect(200)) == EVENTS


@check("Roles, which have no table of their own, say when they were created.")
def table_columns_of_others(space: Space) -> None:
    space.make("roles", {"metadata": {"name": "reader"}, "rules": []})
    found = space.get("roles", accept=TABLE).expect(200)
    assert columns(found) == ["Name", "Created At"]
    assert row(found)["Created At"] == space.read("roles/reader")["metadata"]["creationTimestamp"]


@check("The tables of bindings name role and subjects.")
def table_of_bindings(space: Space) -> None:
    subjects = [
        {"kind": "ServiceAccount", "name": "ci", "namespace": space.name},
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ada"},
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    space.make("rolebindings", {"metadata": {"name": "reading"}, "subjects": subjects, "roleRef": role})
    found = space.get("rolebindings", accept=TABLE).expect(200)
    assert columns(found) == ["Name", "Role", "Age", "Users*", "Groups*", "ServiceAccounts*"]
    cells = row(found)
    assert (cells["Role"], cells["Users"], cells["Groups"], cells["ServiceAccounts"]) == (
        "ClusterRole/view",
        "ada",
        "",
        f"{space.name}/ci",
    )


@check("A table's rows carry the metadata of their object, the whole of it, or nothing, as asked.")
def table_rows(space: Space) -> None:
    space.make("configmaps", config_map("a", x="1", y="2"))
    found = space.get("configmaps/a", accept=TABLE).expect(200)
    assert found["rows"][0]["cells"][:2] == ["a", 2]
    carried = found["rows"][0]["object"]
    assert (carried["kind"], carried["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert carried["metadata"]["name"] == "a"
    whole = space.get("configmaps/a", accept=TABLE, includeObject="Object").expect(200)["rows"][0]["object"]
    assert whole["data"] == {"x": "1", "y": "2"}
    nothing = space.get("configmaps/a", accept=TABLE, includeObject="None").expect(200)["rows"][0]
    assert nothing.get("object") is None


@check("A pod that no node can take is shown as Pending, 0 of 1 ready.")
def table_of_a_pending_pod(space: Space) -> None:
    space.make("pods", unplaced("a"))
    cells = row(space.get("pods", accept=TABLE).expect(200))
    assert (cells["Ready"], cells["Status"], cells["IP"], cells["Node"]) == ("0/1", "Pending", "<none>", "<none>")
    assert str(cells["Restarts"]) == "0"
    assert (cells["Nominated Node"], cells["Readiness Gates"]) == ("<none>", "<none>")


@check("A Deployment's table says how many pods are wanted, current and available, and its images.")
def table_of_a_deployment(space: Space) -> None:
    space.make("deployments", idle_deployment("web"))
    cells = row(space.get("deployments", accept=TABLE).expect(200))
    assert (cells["Ready"], cells["Up-to-date"], cells["Available"]) == ("0/0", 0, 0)
    assert (cells["Containers"], cells["Images"], cells["Selector"]) == ("main", NOWHERE, "app=web")


@check("Budgets and Services are shown as people know them.")
def table_of_budgets_and_services(space: Space) -> None:
    spec = {"minAvailable": "50%", "selector": {"matchLabels": {"app": "web"}}}
    space.make("poddisruptionbudgets", {"metadata": {"name": "web"}, "spec": spec})
    cells = row(space.get("poddisruptionbudgets", accept=TABLE).expect(200))
    assert (cells["Min Available"], cells["Max Unavailable"], cells["Allowed Disruptions"]) == ("50%", "N/A", 0)
    ports = [{"name": "http", "port": 8080}, {"name": "other", "port": 8081}]
    made = space.make("services", {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": ports}})
    cells = row(space.get("services", accept=TABLE).expect(200))
    assert (cells["Type"], cells["External-IP"], cells["Port(s)"]) == ("ClusterIP", "<none>", "8080/TCP,8081/TCP")
    assert (cells["Cluster-IP"], cells["Selector"]) == (made["spec"]["clusterIP"], "app=web")
