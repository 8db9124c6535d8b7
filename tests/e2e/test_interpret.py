"""``cellwright interpret`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Cellwright

LINES = [
    {"id": "a", "text": "Take three red pins from tray B and put them in tray C."},
    {"id": "b", "text": "將大齒輪放入夾具。"},
    {"id": "c", "text": "Schweiße den Deckel an."},
    {"id": "d", "text": "Grab the gear."},
]


def test_each_line_gets_its_reading(cellwright: Cellwright, tmp_path: Path) -> None:
    path = tmp_path / "sentences.jsonl"
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in LINES), encoding="utf-8")
    done = cellwright("interpret", path)
    assert done.returncode == 0, done.stderr
    readings = {row["id"]: row["reading"] for row in map(json.loads, done.stdout.splitlines())}
    assert readings["a"] == [
        {
            "skill": "place",
            "object": "pin",
            "target": "tray_c",
            "quantity": 3,
            "params": {"color": "red", "from": "tray_b"},
        }
    ]
    assert (readings["b"][0]["object"], readings["b"][0]["target"]) == ("gear", "fixture")
    assert readings["c"] == {"refuse": True, "code": "capability", "about": "schweisse"}
    assert readings["d"]["clarify"] is True
    assert readings["d"]["options"] == ["small", "medium", "large"]


@pytest.mark.parametrize(
    ("text", "said"),
    [('{"id": "1"}', "sentences.jsonl:1: not a sentence with its id"), ("nonsense", "sentences.jsonl:1"), ("[[", ":1")],
)
def test_a_line_that_is_none_is_named(cellwright: Cellwright, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "sentences.jsonl"
    path.write_text(text, encoding="utf-8")
    done = cellwright("interpret", path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_and_an_unknown_language_are_named(cellwright: Cellwright, tmp_path: Path) -> None:
    assert "there is no such file" in cellwright("interpret", tmp_path / "none.jsonl").stderr
    assert "no lexicon of 'fr'" in cellwright("interpret", tmp_path / "none.jsonl", "--lang", "fr").stderr
