"""The whole shop as plain processes, without a cluster: for tests, for measurements, and for a look at it.

Each service gets an address of its own in 127/8 and the environment that a pod would get; nothing restarts what
ends, and nothing balances, because that is the cluster's work. `start` again brings a service back at its address.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from gameday.staging.shop.settings import PORTS

START_SECONDS = 30.0
STOP_SECONDS = 6.0
DRAWS = 20


def _free_network() -> str:
    """Return the first three numbers of addresses that nobody has, drawn by lot; RuntimeError if none was drawn."""
    taken: OSError | None = None
    for _ in range(DRAWS):
        network = f"127.{1 + secrets.randbelow(250)}.{secrets.randbelow(255)}"
        try:
            for service, port in PORTS.items():
                socket.create_server((_host(network, service), port)).close()
        except OSError as error:
            taken = error
        else:
            return network
    raise RuntimeError(f"expected addresses in 127.0.0.0/8 whose ports {', '.join(map(str, PORTS.values()))} are free: {taken}")


def _host(network: str, service: str) -> str:
    return f"{network}.{10 + list(PORTS).index(service)}"


@dataclass(slots=True)
class ShopAlone:
    """The shop's processes, their addresses, and the folder with their data and logs."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    """Environment variables for every service, over the usual ones."""
    network: str = field(default_factory=_free_network)
    """The first three numbers of every service's address; drawn by lot, so that two shops do not meet."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def host(self, service: str) -> str:
        """Return a service's address."""
        return _host(self.network, service)

    def url(self, service: str) -> str:
        """Return where a service listens, as a base address."""
        return f"http://{self.host(service)}:{PORTS[service]}"

    def start(self, *services: str) -> None:
        """Start the services named, or all, and return when they listen.

        Where one does not, RuntimeError says why, and those that were started with it are ended.
        """
        said = {service: self._spawn(service) for service in services or PORTS}
        try:
            for service, before in said.items():
                self._await_listening(service, before)
        except RuntimeError:
            for service in said:
                self.kill(service)
            raise

    def signal(self, service: str, number: signal.Signals) -> None:
        """Send a signal to a service's process."""
        self.processes[service].send_signal(number)

    def kill(self, service: str) -> None:
        """End a service at once, as SIGKILL does, and wait until it is gone."""
        process = self.processes.pop(service)
        process.kill()
        process.wait()

    def stop(self) -> dict[str, int]:
        """End everything in good order; return each service's exit status."""
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        statuses: dict[str, int] = {}
        for service, process in self.processes.items():
            try:
                statuses[service] = process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                statuses[service] = process.wait()
        self.processes.clear()
        return statuses

    def cpu_seconds(self) -> dict[str, float]:
        """Return the processor time that each running service has used so far."""
        tick = os.sysconf("SC_CLK_TCK")
        used: dict[str, float] = {}
        for service, process in self.processes.items():
            fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            used[service] = (int(fields[11]) + int(fields[12])) / tick
        return used

    def log(self, service: str) -> str:
        """Return what a service has written so far."""
        return (self.folder / f"{service}.log").read_text(encoding="utf-8")

    def environment(self, service: str) -> dict[str, str]:
        """Return the environment that a pod of this service would have."""
        variables = {
            "PATH": os.environ.get("PATH", ""),
            "POD_IP": self.host(service),
            "DATA_DIR": str(self.folder / service),
            "S3_ACCESS_KEY_ID": "DEMOACCESSKEY",
            "S3_SECRET_ACCESS_KEY": "demo-secret-of-the-object-store",
            "CART_SIGNING_KEY": "demo-key-of-carts",
            "PAYMENT_SIGNING_KEY": "demo-key-of-payments",
        }
        for name, port in PORTS.items():
            variables[f"{name.upper()}_SERVICE_HOST"] = self.host(name)
            variables[f"{name.upper()}_SERVICE_PORT"] = str(port)
        return {**variables, **self.settings}

    def _spawn(self, service: str) -> int:
        """Start a service; return how much its log held before."""
        command = [sys.executable, "-m", "gameday.staging.shop", service]
        with (self.folder / f"{service}.log").open("ab") as log:
            before = log.tell()
            self.processes[service] = subprocess.Popen(
                command, env=self.environment(service), stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        return before

    def _await_listening(self, service: str, before: int) -> None:
        """Wait until the service says so itself: whoever answers at its address may be somebody else."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if b'"event":"listening"' in (self.folder / f"{service}.log").read_bytes()[before:]:
                return
            if self.processes[service].poll() is not None:
                raise RuntimeError(f"{service} ended before it listened; it said:\n{self.log(service)}")
            time.sleep(0.01)
        raise RuntimeError(f"{service} did not listen within {START_SECONDS:g} s; it said:\n{self.log(service)}")
