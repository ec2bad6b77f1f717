"""A container's environment, as a kubelet builds it from the manifest, the Services and the pod's own fields.

Order is Kubernetes': the Services of the namespace, then `envFrom`, then `env`, each overriding what came before; `$(NAME)`
refers to what is defined by then. Nothing of the server's own environment passes through but what lets Python find this
package.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from gameday.staging.node.images import SYSTEM_FOLDERS
from gameday.staging.node.references import Lookup, UnresolvedError, contents_of, field_value
from gameday.staging.node.volumes import rewrite

Object = dict[str, Any]
_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
_DNS_NAME = re.compile(r"(?<![\w.-])([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?(?![\w.-])")
_PASSED_THROUGH = ("PYTHONPATH", "PYTHONHOME")


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace `$(NAME)`; an unknown name stays as it is, and `$$` is one dollar."""
    return _REFERENCE.sub(lambda match: "$" if match[0] == "$$" else values.get(match[1], match[0]), text)


def standard_variables(pod: Object, home: Path) -> dict[str, str]:
    """Return what every container gets, whatever its manifest says."""
    passed = {name: os.environ[name] for name in _PASSED_THROUGH if name in os.environ}
    return {
        "PATH": os.pathsep.join(SYSTEM_FOLDERS),
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "LANG": "C.UTF-8",
        "HOSTNAME": pod["spec"].get("hostname") or pod["metadata"]["name"],
        "PYTHONUNBUFFERED": "1",
        **passed,
    }


def service_variables(services: Iterable[Object]) -> dict[str, str]:
    """Return the variables by which Kubernetes tells a pod where the Services of its namespace are."""
    variables: dict[str, str] = {}
    for service in services:
        spec = service["spec"]
        address = spec.get("clusterIP")
        if not address or address == "None" or not spec.get("ports"):
            continue
        prefix = service["metadata"]["name"].upper().replace("-", "_")
        first = spec["ports"][0]
        variables[f"{prefix}_SERVICE_HOST"] = address
        variables[f"{prefix}_SERVICE_PORT"] = str(first["port"])
        variables[f"{prefix}_PORT"] = f"tcp://{address}:{first['port']}"
        for port in spec["ports"]:
            variables |= _port_variables(prefix, address, port)
    return variables


def _port_variables(prefix: str, address: str, port: Object) -> dict[str, str]:
    protocol = port.get("protocol", "TCP")
    stem = f"{prefix}_PORT_{port['port']}_{protocol}"
    variables = {
        stem: f"{protocol.lower()}://{address}:{port['port']}",
        f"{stem}_PROTO": protocol.lower(),
        f"{stem}_PORT": str(port["port"]),
        f"{stem}_ADDR": address,
    }
    if port.get("name"):
        variables[f"{prefix}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = str(port["port"])
    return variables


def declared_variables(pod: Object, container: Object, known: Mapping[str, str], lookup: Lookup) -> dict[str, str]:
    """Return what `envFrom` and `env` define; `known` is what `$(NAME)` may refer to besides."""
    variables: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        variables |= _from_source(source, lookup)
    for entry in container.get("env", ()):
        if "valueFrom" not in entry:
            variables[entry["name"]] = expand(entry.get("value") or "", {**known, **variables})
            continue
        value = _from_reference(entry["valueFrom"], pod, lookup)
        if value is not None:
            variables[entry["name"]] = value
    return variables


def addressed(variables: Mapping[str, str], address_of: Callable[[str, str], str]) -> dict[str, str]:
    """Return the variables with the DNS names of Services (`name.namespace.svc`) replaced by their addresses.

    There is no DNS here, and a Service of another namespace stands in no variable. `address_of` takes name and namespace,
    and returns nothing for a Service that there is not, whose name then stays.
    """
    return {
        name: _DNS_NAME.sub(lambda match: address_of(match[1], match[2]) or match[0], value) if ".svc" in value else value
        for name, value in variables.items()
    }


def _from_source(source: Object, lookup: Lookup) -> dict[str, str]:
    for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
        if field in source:
            found = lookup(kind, source[field]["name"])
            if found is None and not source[field].get("optional"):
                raise UnresolvedError(f'{kind.lower()} "{source[field]["name"]}" not found')
            prefix = source.get("prefix", "")
            return {prefix + key: value.decode() for key, value in contents_of(found or {}).items()}
    return {}


def _from_reference(source: Object, pod: Object, lookup: Lookup) -> str | None:
    if "fieldRef" in source:
        return field_value(pod, source["fieldRef"]["fieldPath"])
    for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if field in source:
            return _from_key(source[field], kind, lookup)
    raise UnresolvedError(f"the embedded cluster has no environment from {', '.join(source)}")


def _from_key(reference: Object, kind: str, lookup: Lookup) -> str | None:
    found = lookup(kind, reference["name"])
    contents = contents_of(found) if found else {}
    if reference["key"] in contents:
        return contents[reference["key"]].decode()
    if reference.get("optional"):
        return None
    if found is None:
        raise UnresolvedError(f'{kind.lower()} "{reference["name"]}" not found')
    raise UnresolvedError(f"couldn't find key {reference['key']} in {kind} {reference['name']}")


def rewritten(variables: Mapping[str, str], mounts: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with every mountPath replaced by the folder behind it."""
    return {name: rewrite(value, mounts) for name, value in variables.items()}
