"""docs/zoo.md is true: what it shows how to write is an entry, and its tables name what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from policies.contents import KNOWN
from policies.entry import Entry
from policies.folder import verify_entry
from policies.index import Row

PAGE = (Path(__file__).parents[2] / "docs" / "zoo.md").read_text(encoding="utf-8")


def test_what_the_page_writes_without_us_is_a_sound_entry(tmp_path: Path) -> None:
    [code] = re.findall(r"```python\n# file: write_entry.py\n(.*?)```", PAGE, re.DOTALL)
    subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, check=True, timeout=60)
    assert verify_entry(tmp_path / "gentle/1.0.0") == []


def test_every_file_and_key_is_on_the_page() -> None:
    keys = {info.alias or name for name, info in Entry.model_fields.items()}
    missing = [word for word in (*KNOWN, *keys, *Row.model_fields) if f"`{word}`" not in PAGE]
    assert not missing
