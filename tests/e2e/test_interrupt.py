"""Ctrl-C is a stop: the arm comes to rest, the cell waits for people, and a second one leaves."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import command


def test_ctrl_c_stops_and_a_second_one_leaves(order: Path, here: Path, home: Path) -> None:
    environment = os.environ | {"CELLWRIGHT_HOME": str(home)}
    words = [Path(sys.executable).with_name("cellwright"), "run", order, "--json"]
    with subprocess.Popen(
        words, cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr
        assert run.stdout
        said = []
        for line in run.stderr:
            said.append(line)
            if " 2/7 " in line:
                run.send_signal(signal.SIGINT)
            if "acknowledge" in line:
                status = json.loads(command(home, here)("status", "--json").stdout)
                assert status["state"] == "Stopped"
                run.send_signal(signal.SIGINT)
        result = json.loads(run.stdout.read())
    assert run.returncode == 130
    assert "Traceback" not in "".join(said)
    assert [unit["verdict"] for unit in result["units"]] == ["stopped"]
    assert not list(here.rglob("*.aasx"))
