"""ControllerRevisions: the templates that a StatefulSet or DaemonSet has had, by which `kubectl rollout undo` goes back.

One revision a template, numbered; one that comes again takes the next number. Also here is the hash by which a workload
tells its templates apart, Deployments included.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any, Final

import orjson

from gameday.staging.controllers.ownership import controller_uid, owner_reference
from gameday.staging.history import copy_object
from gameday.staging.resources import CONTROLLER_REVISIONS
from gameday.staging.store import Store

Object = dict[str, Any]
HASH_LABEL: Final = "controller-revision-hash"
"""The label of a pod that says of which revision it was made."""
_OWN_HASH: Final = "controller.kubernetes.io/hash"
_SAFE_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Object) -> str:
    """Return what tells a template from others, in letters that a name may have."""
    text = orjson.dumps(_without_nothing(template), option=orjson.OPT_SORT_KEYS)
    digest = hashlib.blake2b(text, digest_size=10).digest()
    return "".join(_SAFE_LETTERS[byte % len(_SAFE_LETTERS)] for byte in digest)


def _without_nothing(value: Any) -> Any:
    """Leave out null and empty values: clients write a template back with or without them (`kubectl rollout undo`)."""
    if isinstance(value, dict):
        cleaned = {key: _without_nothing(item) for key, item in value.items()}
        return {key: item for key, item in cleaned.items() if item not in (None, {}, [], "")}
    if isinstance(value, list):
        return [_without_nothing(item) for item in value]
    return value


def revisions_of(store: Store, owner: Object) -> list[Object]:
    """Return a workload's revisions, oldest first."""
    uid = owner["metadata"]["uid"]
    found = [item.body for item in store.listed(CONTROLLER_REVISIONS, owner["metadata"]["namespace"])]
    return sorted((item for item in found if controller_uid(item) == uid), key=lambda item: int(item["revision"]))


def current_revision(store: Store, owner: Object) -> Object:
    """Return the revision of a workload's template as it is now; it is made, or becomes the newest again."""
    known, wanted = revisions_of(store, owner), template_hash(owner["spec"]["template"])
    newest = int(known[-1]["revision"]) if known else 0
    found = next((item for item in known if item["metadata"]["labels"][_OWN_HASH] == wanted), None)
    if found is None:
        return store.create(CONTROLLER_REVISIONS, _revision(owner, wanted, newest + 1))
    if int(found["revision"]) < newest:
        return store.update(CONTROLLER_REVISIONS, {**copy_object(found), "revision": newest + 1})
    return found


def _revision(owner: Object, own_hash: str, number: int) -> Object:
    metadata, template = owner["metadata"], owner["spec"]["template"]
    return {
        "metadata": {
            "name": f"{metadata['name']}-{own_hash}",
            "namespace": metadata["namespace"],
            "labels": {**(template["metadata"].get("labels") or {}), _OWN_HASH: own_hash},
            "annotations": metadata.get("annotations") or {},
            "ownerReferences": [owner_reference(owner)],
        },
        "data": {"spec": {"template": {**template, "$patch": "replace"}}},
        "revision": number,
    }


def template_of(revision: Object) -> Object:
    """Return the pod template that a revision keeps."""
    return {key: value for key, value in revision["data"]["spec"]["template"].items() if key != "$patch"}


def hash_of(revision: Object) -> str:
    """Return the hash of the template that a revision keeps."""
    return str(revision["metadata"]["labels"][_OWN_HASH])


def forget_old_revisions(store: Store, owner: Object, in_use: Collection[str]) -> None:
    """Delete the oldest revisions that no pod is of, down to the number that the workload wants kept."""
    unused = [item["metadata"] for item in revisions_of(store, owner) if item["metadata"]["name"] not in in_use]
    for metadata in unused[: max(0, len(unused) - owner["spec"].get("revisionHistoryLimit", 10))]:
        store.delete(CONTROLLER_REVISIONS, metadata["namespace"], metadata["name"], uid=metadata["uid"])
