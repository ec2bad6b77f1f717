"""The addresses of one cluster: a block 127.X.0.0/16 of the loopback network that no other cluster on this machine has.

A block is claimed by binding a socket name in the kernel's abstract namespace, which has exactly the scope that loopback
addresses have (one network namespace) and which the kernel frees when the server dies, however it dies.

    127.X.0.1         the API            127.X.0.16 up      the nodes
    127.X.1.0 up      Services           127.X.(16+N).1 up  the pods of node N
"""

from __future__ import annotations

import ipaddress
import random
import socket
from collections import deque

from gameday.errors import RefusedError

_BLOCKS = range(16, 251)
_SERVICES = range(1 * 256 + 1, 16 * 256)
_FIRST_POD_BLOCK = 16
PODS_PER_NODE = 110


class AddressBlock:
    """One claimed block; addresses given back are handed out again as late as possible."""

    def __init__(self, number: int, claim: socket.socket) -> None:
        self.network = ipaddress.IPv4Network(f"127.{number}.0.0/16")
        self._claim = claim
        self._pods: dict[int, deque[str]] = {}

    def close(self) -> None:
        """Give the block back."""
        self._claim.close()

    @property
    def api(self) -> str:
        """Return the address of the API."""
        return str(self.network[1])

    @property
    def service_network(self) -> str:
        """Return the range that Services get their addresses from, in CIDR notation."""
        return str(ipaddress.IPv4Network((int(self.network[0]), 20)))

    def node(self, index: int) -> str:
        """Return the address of the node with this number, from 0."""
        return str(self.network[16 + index])

    def pod_network(self, node_index: int) -> str:
        """Return the range of a node's pods, in CIDR notation."""
        return str(ipaddress.IPv4Network((int(self.network[256 * (_FIRST_POD_BLOCK + node_index)]), 24)))

    def take_pod(self, node_index: int) -> str:
        """Return an address for a new pod."""
        if node_index not in self._pods:
            hosts = ipaddress.IPv4Network(self.pod_network(node_index)).hosts()
            self._pods[node_index] = deque(str(host) for host in hosts)
        return self._pods[node_index].popleft()

    def give_back_pod(self, node_index: int, address: str) -> None:
        """Take the address of a pod that is gone."""
        self._pods[node_index].append(address)

    def service(self, number: int) -> str:
        """Return the address of the n-th Service; the numbers go round."""
        return str(self.network[_SERVICES[number % len(_SERVICES)]])

    def is_service(self, address: str) -> bool:
        """Say whether an address that somebody asks for lies in the Services' range."""
        try:
            return int(ipaddress.IPv4Address(address)) - int(self.network[0]) in _SERVICES
        except ValueError:
            return False


def claim_block(before: str = "") -> AddressBlock:
    """Claim a block for a cluster, the network that it had before if that is free; RefusedError if all are taken."""
    numbers = list(_BLOCKS)
    random.shuffle(numbers)
    numbers.sort(key=lambda number: before != f"127.{number}.0.0/16")
    for number in numbers:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0gameday-staging-127.{number}")
        except OSError:
            claim.close()
            continue
        return AddressBlock(number, claim)
    raise RefusedError(
        f"expected a free block of addresses in 127.0.0.0/8, found all {len(_BLOCKS)} claimed by other embedded clusters; "
        "stop one with `gameday staging down`",
    )
