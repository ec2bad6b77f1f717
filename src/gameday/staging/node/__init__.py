"""Nodes: pods as processes of this machine, and Services as sockets.

`kubelet.py` is a node, `pod.py` and `container.py` what it runs, `runtime.py` and `spawner.py` how a process is started so
that it cannot outlive the cluster, `proxy.py` the way to a Service. How a pod lives here is told in docs/staging-nodes.md.
"""
