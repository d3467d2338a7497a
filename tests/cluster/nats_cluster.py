"""Three nats-servers on loopback that are one JetStream cluster, and how to hurt them.

Each pair of servers has wires of its own between it, so that a server can be cut off from the
others while clients still reach it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from cluster.wires import Wire, Wires
from integration.running_stack import eventually
from millstream.embedded.nats import find_nats_server
from millstream.embedded.ports import PortClaims
from millstream.embedded.spec import ProcessSpec, StopStep

USER, PASSWORD = "millstream", "letters-and-digits"
# An election takes some seconds, and one after a silence more.
HEALTHY_S = 60.0


class Node:
    """One server; ``start`` may be called again after its end."""

    def __init__(self, number: int, folder: Path, claims: PortClaims) -> None:
        self.number = number
        self.name = f"n{number}"
        self.port, self.http_port, self.route_port = (claims.choose() for _ in range(3))
        self.store = folder / self.name
        self.config = folder / f"{self.name}.conf"
        self._log = folder / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def write_config(self, routes: list[int], is_advertised: bool) -> None:
        quoted = [json.dumps(f"nats-route://{USER}:{PASSWORD}@127.0.0.1:{port}") for port in routes]
        # What is gossiped about routes leads nowhere, or it would go round the wires.
        text = f"""\
server_name: {self.name}
listen: "127.0.0.1:{self.port}"
http: "127.0.0.1:{self.http_port}"
authorization {{ user: {USER}, password: "{PASSWORD}" }}
max_payload: 8MB
jetstream {{
  store_dir: {json.dumps(str(self.store))}
  max_file_store: 4GB
  max_memory_store: 64MB
}}
cluster {{
  name: millstream
  listen: "127.0.0.1:{self.route_port}"
  authorization {{ user: {USER}, password: "{PASSWORD}" }}
  cluster_advertise: "127.0.0.1:1"
  no_advertise: {json.dumps(not is_advertised)}
  ping_interval: "2s"
  pool_size: 1
  routes: [{", ".join(quoted)}]
}}
feature_flags {{ js_ack_fc_v2: false }}
"""
        self.config.write_text(text)

    def start(self) -> None:
        spec = ProcessSpec(
            name=self.name,
            argv=(find_nats_server(), "-c", str(self.config)),
            env=dict(os.environ),
            stage=0,
            stop_steps=(StopStep(signal.SIGTERM, 10.0),),
        )
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                spec.launch_argv(), env=spec.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it; returns when it is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(20)

    def monitor(self, path: str) -> tuple[int, dict[str, Any]]:
        """What its monitoring says; status 0 where it does not answer."""
        try:
            address = f"http://127.0.0.1:{self.http_port}/{path}"
            with urllib.request.urlopen(address, timeout=2) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {}
        except (OSError, ValueError):
            return 0, {}

    @property
    def is_healthy(self) -> bool:
        """It has a leader, and all that it keeps is up to date."""
        return self.monitor("healthz?js-enabled-only=false")[0] == 200


class NatsCluster:
    """The servers run from ``start`` to ``stop``. ``is_advertised``: they tell clients of each
    other."""

    def __init__(self, folder: Path, is_advertised: bool = True) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._claims = PortClaims()
        self._wires = Wires()
        self.nodes = [Node(number, folder, self._claims) for number in range(3)]
        self._between: dict[tuple[int, int], Wire] = {}
        for node in self.nodes:
            others = [other for other in self.nodes if other is not node]
            for other in others:
                wire = self._wires.add(self._claims.choose(), other.route_port)
                self._between[node.number, other.number] = wire
            ports = [self._between[node.number, other.number].port for other in others]
            node.write_config(ports, is_advertised)

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        self.wait_healthy()

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()
        self._wires.close()
        self._claims.close()

    def urls(self, *numbers: int) -> str:
        """As a setting names them, with the credentials in the first."""
        ports = [self.nodes[number].port for number in numbers or (0, 1, 2)]
        first, *others = [f"127.0.0.1:{port}" for port in ports]
        return ",".join([f"nats://{USER}:{PASSWORD}@{first}", *others])

    @property
    def live_url(self) -> str:
        """The address of one that runs, for clients that take one."""
        return self.urls(next(node.number for node in self.nodes if node.is_healthy))

    def wait_healthy(self) -> None:
        running = [node for node in self.nodes if node.is_running]
        eventually("the cluster is healthy", lambda: all(n.is_healthy for n in running), HEALTHY_S)

    def leader(self, stream: str = "") -> Node:
        """The leader of a stream, or of the whole cluster."""
        found: list[Node] = []

        def is_known() -> bool:
            for node in self.nodes:
                _, told = node.monitor("jsz?accounts=true&streams=true")
                name = _leader(told, stream)
                found[:] = [each for each in self.nodes if each.name == name and each.is_running]
                if found:
                    return True
            return False

        eventually(f"somebody leads {stream or 'the cluster'}", is_known, HEALTHY_S)
        return found[0]

    def follower(self, stream: str) -> Node:
        """One that leads neither the stream nor the cluster."""
        busy = (self.leader(stream), self.leader())
        return next(node for node in self.nodes if node not in busy)

    def cut_off(self, node: Node) -> None:
        """The other servers and this one hear nothing of each other; clients still reach all."""
        for pair, wire in self._between.items():
            if node.number in pair:
                wire.cut()

    def heal(self) -> None:
        for wire in self._between.values():
            wire.heal()

    def copy_stores(self, name: str) -> None:
        """Of servers that do not run."""
        for node in self.nodes:
            shutil.copytree(node.store, self._folder / name / node.name)

    def put_back_stores(self, name: str) -> None:
        for node in self.nodes:
            shutil.rmtree(node.store)
            shutil.copytree(self._folder / name / node.name, node.store)


def _leader(told: dict[str, Any], stream: str) -> str:
    if not stream:
        return str(told.get("meta_cluster", {}).get("leader", ""))
    for account in told.get("account_details", []):
        for detail in account.get("stream_detail", []):
            if detail["name"] == stream:
                return str(detail.get("cluster", {}).get("leader", ""))
    return ""
