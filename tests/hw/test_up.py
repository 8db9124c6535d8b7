"""``cellwright hw up``: the nodes as processes, who hears them, and that none is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.isolation import LOOPBACK, PROFILES, RANGE, isolated
from tests.hw.arm_bench import PATIENCE, need_ros
from tests.hw.cell_bench import CellClient
from tests.hw.test_supervisor import alive, until

NAMESPACE = "/up"


class Up:
    """A running ``hw up`` with its lines on stderr."""

    def __init__(self, here: Path, *words: str, **more: str) -> None:
        self.log = here / "up.log"
        quiet = (RANGE, *PROFILES, "FASTDDS_BUILTIN_TRANSPORTS")
        known = {key: value for key, value in os.environ.items() if key not in quiet}
        known |= {"CELLWRIGHT_HOME": str(here / "home"), **more}
        command = [Path(sys.executable).with_name("cellwright"), "hw", "up", *words]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=here, env=known, stderr=log, start_new_session=True)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self, text: str, times: int = 1) -> None:
        until(lambda: self.said().count(text) >= times, within_s=120.0)

    def pid(self, name: str, which: int = -1) -> int:
        return int(re.findall(rf"^{name} is process (\d+)$", self.said(), re.MULTILINE)[which])

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A cell with an arm that just follows, in the environment that hw up gives them."""
    need_ros()
    made = Up(tmp_path_factory.mktemp("up"), "panda-bench", "--hardware", "mock", "--namespace", NAMESPACE)
    for said in ("cell]: active", "arm]: ready"):
        made.wait(said)
    yield made
    made.process.kill()


def sockets(pid: int) -> set[tuple[str, int]]:
    """(address, port) of every UDP and TCP socket of a process, as /proc/net has them: "0100007F" is 127.0.0.1."""
    links = (os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink())
    own = {link[8:-1] for link in links if link.startswith("socket:[")}
    found = set()
    for table in ("udp", "udp6", "tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[9] in own:
                address, _, port = words[1].partition(":")
                found.add((address, int(port, 16)))
    return found


def test_it_is_heard_on_this_machine_unless_the_environment_says_otherwise() -> None:
    assert isolated({}) == {RANGE: "LOCALHOST", PROFILES[0]: str(LOOPBACK)}
    own = {RANGE: "SUBNET"}
    assert isolated(own) == own
    assert isolated({PROFILES[1]: "mine.xml"}) == {RANGE: "LOCALHOST", PROFILES[1]: "mine.xml"}


def test_what_listens_listens_on_loopback(up: Up) -> None:
    """A socket that only sends has a port that the system chose."""
    chosen_from = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for name in ("arm", "cell"):
        listening = {address for address, port in sockets(up.pid(name)) if port < chosen_from}
        assert listening == {"0100007F"}, name


def test_its_nodes_are_the_ones_of_the_launch_file_and_the_cell_is_active(up: Up) -> None:
    from lifecycle_msgs.srv import GetState

    client = CellClient(NAMESPACE)
    try:
        assert client.ask(GetState, "cell/get_state").current_state.label == "active"
        seen = lambda: set(client.node.get_node_names_and_namespaces()) >= {("arm", NAMESPACE), ("cell", NAMESPACE)}  # noqa: E731
        client.until(seen)
        arm = client.until(
            lambda: [s for m in client.health for s in m.status if s.name == "up/cell: arm" and s.level == b"\0"]
        )
        assert arm[-1].message == "joint states come"
    finally:
        client.close()


def test_a_killed_cell_is_active_again_and_ctrl_c_ends_all(up: Up) -> None:
    first = up.pid("cell")
    os.kill(first, signal.SIGKILL)
    up.wait("cell is process", times=2)
    up.wait("]: active", times=2)
    pids = [first, up.pid("cell"), up.pid("arm")]
    assert up.end(signal.SIGINT) == 0, up.said()
    assert not any(map(alive, pids))


@pytest.mark.long
def test_with_the_system_s_range_no_socket_at_all_is_beyond_loopback(tmp_path: Path) -> None:
    """Without an arm; what counts is the middleware."""
    need_ros()
    more = {RANGE: "SYSTEM_DEFAULT", PROFILES[0]: str(LOOPBACK)}
    up = Up(tmp_path, "panda-bench", "--hardware", "real", "--namespace", "/real", **more)
    try:
        up.wait("active")
        pid = up.pid("cell")
        assert {address for address, _ in sockets(pid)} == {"0100007F"}
        up.process.kill()
        until(lambda: not alive(pid), within_s=PATIENCE)
    finally:
        up.process.kill()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("panda-bensh", "--hardware", "sim"), "no cell is called"),
        (("panda-bench", "--hardware", "sim", "--namespace", "a-b"), "'a-b' is none"),
        (("panda-bench", "--hardware", "steel"), "--hardware"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(tmp_path: Path, words: tuple[str, ...], reason: str) -> None:
    up = Up(tmp_path, *words)
    assert up.process.wait(60) == 2
    assert reason in up.said()
    assert "is process" not in up.said()
