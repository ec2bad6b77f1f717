"""The embedded staging cluster: a Kubernetes API over HTTPS on which pods are real processes of this machine.

The engine does not know that this package exists: it reaches the cluster over HTTP, like any other. Rooms: `store`
(objects and their revisions), `api` (HTTP), `controllers`, `node` (pods as processes), `shop` (what runs on it).
"""
