"""kubectl and nodes: cordon, drain, taint and label, on a node of the check's own."""

from __future__ import annotations

from tests.conformance.checking import check
from tests.conformance.checks.nodes import on, own_node
from tests.conformance.space import Space

LOST = [{"operator": "Exists", "key": "node.kubernetes.io/not-ready"}]


@check("kubectl cordon and uncordon say and unsay that a node takes no pods.")
def kubectl_cordon(space: Space) -> None:
    with own_node(space) as name:
        assert space.kubectl("cordon", name) == f"node/{name} cordoned\n"
        assert space.read(f"/api/v1/nodes/{name}")["spec"]["unschedulable"] is True
        assert "SchedulingDisabled" in space.kubectl("get", "node", name)
        assert space.kubectl("uncordon", name) == f"node/{name} uncordoned\n"
        assert "unschedulable" not in space.read(f"/api/v1/nodes/{name}")["spec"]


@check("kubectl drain evicts what runs on a node, and stops at what nobody would make again.")
def kubectl_drain(space: Space) -> None:
    with own_node(space) as name:
        space.make("pods", on(name, "a", tolerations=LOST))
        told = space.tries("drain", name).fails()
        assert "cannot delete" in told
        assert "declare no controller" in told
        assert space.read(f"/api/v1/nodes/{name}")["spec"]["unschedulable"] is True
        done = space.kubectl("drain", name, "--force", "--grace-period=0", "--timeout=30s")
        assert f"node/{name} drained" in done
        space.get("pods/a").refused(404, "NotFound")


@check("kubectl taint sets a taint once and takes it off.")
def kubectl_taint(space: Space) -> None:
    with own_node(space) as name:
        assert space.kubectl("taint", "node", name, "example.org/a=b:NoSchedule") == f"node/{name} tainted\n"
        taints = space.read(f"/api/v1/nodes/{name}")["spec"]["taints"]
        assert {"key": "example.org/a", "value": "b", "effect": "NoSchedule"} in taints
        told = space.tries("taint", "node", name, "example.org/a=c:NoSchedule").fails()
        assert "already has example.org/a taint(s) with same effect(s) and --overwrite is false" in told
        assert space.kubectl("taint", "node", name, "example.org/a-") == f"node/{name} untainted\n"


@check("kubectl labels a node, and finds it by that.")
def kubectl_label_node(space: Space) -> None:
    with own_node(space) as name:
        space.kubectl("label", "node", name, f"example.org/of={space.name}")
        assert space.kubectl("get", "nodes", "-l", f"example.org/of={space.name}", "-o", "name") == f"node/{name}\n"
