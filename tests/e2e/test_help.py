"""The command starts light: --help loads nothing heavy."""

import subprocess
import sys

from tests.conftest import Cellwright

HEAVY = (
    "numba numpy scipy spatialmath sqlalchemy pybullet torch ruckig pinocchio trimesh pydantic basyx py_trees PIL onnx "
    "onnxruntime safetensors"
)


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from cells.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        f"print('LOADED', *[name for name in {HEAVY.split()} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip().splitlines()[-1] == "LOADED"
    for name in ("run", "plan", "stop", "acknowledge", "cell", "product", "stock", "journal", "passport", "doctor"):
        assert f"\n  {name} " in done.stdout


def test_version(cellwright: Cellwright) -> None:
    assert cellwright("--version").stdout == "cellwright 0.1.0\n"


def test_debug_shows_the_traceback_wherever_it_stands(cellwright: Cellwright) -> None:
    done = cellwright("run", "nothing.yaml", "--debug")
    assert "Traceback" in done.stderr
    assert "nothing.yaml" in done.stderr
