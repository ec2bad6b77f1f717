"""The controllers: each brings one kind of object from what is to what its spec says.

`queue.py` is the machine that runs them; every other module is one controller, as Kubernetes divides them, and knows
nothing of processes or sockets. They write to the store what a real cluster's controllers write to the API.
"""

from gameday.staging.addresses import AddressBlock
from gameday.staging.controllers.claims import Claims
from gameday.staging.controllers.cronjobs import CronJobs
from gameday.staging.controllers.daemonsets import DaemonSets
from gameday.staging.controllers.deployments import Deployments
from gameday.staging.controllers.disruption import DisruptionBudgets
from gameday.staging.controllers.endpoints import ServiceEndpoints
from gameday.staging.controllers.garbage import GarbageCollector
from gameday.staging.controllers.initial import with_initial_status
from gameday.staging.controllers.jobs import Jobs, with_job_selector
from gameday.staging.controllers.nodes import NodeLifecycle
from gameday.staging.controllers.queue import Controller, ControllerLoop
from gameday.staging.controllers.replicasets import ReplicaSets
from gameday.staging.controllers.scheduling import Scheduler
from gameday.staging.controllers.services import LoadBalancers, ServiceAdmission
from gameday.staging.controllers.statefulsets import StatefulSets
from gameday.staging.store import Store

__all__ = ["install_controllers"]


def install_controllers(store: Store, addresses: AddressBlock, *others: Controller) -> ControllerLoop:
    """Hang admission on the store and return the controllers, and `others` with them, yet to be started."""
    store.on_create += [with_initial_status, with_job_selector]
    ServiceAdmission(store, addresses).install()
    controllers = [
        Scheduler(store).controller(),
        ReplicaSets(store).controller(),
        Deployments(store).controller(),
        DaemonSets(store).controller(),
        StatefulSets(store).controller(),
        Jobs(store).controller(),
        CronJobs(store).controller(),
        ServiceEndpoints(store).controller(),
        LoadBalancers(store).controller(),
        NodeLifecycle(store).controller(),
        Claims(store).controller(),
        DisruptionBudgets(store).controller(),
        GarbageCollector(store).controller(),
        *others,
    ]
    return ControllerLoop(store, controllers)
