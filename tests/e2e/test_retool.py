"""A changeover by the real command: what is proven, that it goes on after Ctrl-C, and that the run goes by it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ORDER
from tests.e2e.conftest import command


@pytest.mark.long
def test_an_order_is_retooled_for_goes_on_after_ctrl_c_and_is_built(here: Path, home: Path) -> None:
    (here / "order.yaml").write_text(ORDER, encoding="utf-8")
    cellwright = command(home, here, patience_s=1200.0)
    words = [Path(sys.executable).with_name("cellwright"), "retool", "order.yaml"]
    environment = os.environ | {"CELLWRIGHT_HOME": str(home)}
    with subprocess.Popen(words, cwd=here, env=environment, stderr=subprocess.PIPE, text=True) as broken_off:
        assert broken_off.stderr
        assert any("nominal passes" in line for line in broken_off.stderr)
        broken_off.send_signal(signal.SIGINT)
        assert "the same command goes on from there" in broken_off.stderr.read()
    assert broken_off.returncode == 130
    done = cellwright("retool", "order.yaml", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    [step] = result["steps"]
    assert (step["skill"], step["proven"], step["final"]["of"]) == ("insert", True, 150)
    assert step["final"]["share"] >= 0.93
    assert (here / result["folder"] / "changeover.svg").is_file()
    again = json.loads(cellwright("retool", "order.yaml", "--json").stdout)
    assert again["steps"][0]["final"] == step["final"]
    built = cellwright("run", "order.yaml", "--retool", "--json")
    assert built.returncode == 0, built.stderr
    assert [unit["verdict"] for unit in json.loads(built.stdout)["units"]] == ["good"]
    report = next(here / name for name in json.loads(built.stdout)["files"] if name.endswith("report.html"))
    assert "The changeover" in report.read_text(encoding="utf-8")
