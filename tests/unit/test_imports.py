"""The floors of the house: what may be imported from where, beyond what import-linter says of packages."""

import ast
import subprocess
import sys
from pathlib import Path

import cells

ROOT = Path(cells.__file__).parent
HEAVY = {"pybullet", "pybullet_data", "spatialmath", "roboticstoolbox", "torch", "gymnasium"}


def imports_at_load(path: Path) -> set[str]:
    """Top-level packages that a module imports when it is loaded (not inside functions, not for type checking)."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_nothing_in_cells_needs_a_simulator_or_slow_packages_to_load() -> None:
    heavy = {str(path.relative_to(ROOT)): imports_at_load(path) & HEAVY for path in ROOT.rglob("*.py")}
    assert len(heavy) > 30
    assert not {path: names for path, names in heavy.items() if names}


def test_packages_hand_on_names_and_do_nothing_else() -> None:
    for path in ROOT.rglob("__init__.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = isinstance(node, ast.Import | ast.ImportFrom | ast.Assign)
            assert names or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)), path


def test_every_package_is_in_the_wheel() -> None:
    import tomllib

    declared = tomllib.loads((ROOT.parent / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "packages"
    ]
    here = {
        ".".join(path.parent.relative_to(ROOT.parent).parts)
        for name in ("cells", "sim", "policies", "hw")
        for path in (ROOT.parent / name).rglob("__init__.py")
    }
    assert set(declared) == here


def test_a_cell_can_be_planned_for_without_a_simulator() -> None:
    program = (
        "import sys\n"
        "sys.modules['pybullet'] = None\n"
        "from cells.description.cell import load_cell\n"
        "from cells.products.catalogue import build_variant\n"
        "from cells.kinematics.chain import load_chain\n"
        "build_variant('pegboard', {})\n"
        "print(load_chain(load_cell('panda-bench')).n)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "7\n"
