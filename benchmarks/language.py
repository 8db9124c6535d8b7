"""How well sentences are read that nobody tuned on.

    python benchmarks/language.py --json

The sentences (``benchmarks/sentences``) were written with the instruction schema and the catalogue in view and nothing
else, before the first run; ``first_look*.json`` hold the figures of the first runs and are never edited.

Measures: ``exact`` share of readings that equal the expected one; ``outcome`` share with the right kind (steps,
question, refusal); ``unsafe`` sentences that should be asked about or refused, and would move the arm; ``wrong_motion``
share of sentences read as a motion other than the expected one; each also by language; ``median_ms``, ``p95_ms`` of a
reading. ``told_n`` and ``told_unsafe``: sentences of another author (``told_*.jsonl``) that only ask, tell, wish or
quote, and how many of them would move the arm.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cells.language.interpreter import interpret
from cells.language.reading import MOTION, as_json

SENTENCES = Path(__file__).parent / "sentences"
FIRST_LOOKS = (SENTENCES / "first_look.json", SENTENCES / "first_look_told.json")
GROUPS = {"en": "en", "de": "de", "zh-HK": "zh", "yue": "zh"}


def normal(reading: Any) -> Any:
    """A reading in one comparable form: "clarify", "refuse", or its steps."""
    if isinstance(reading, dict):
        return "refuse" if reading.get("refuse") else "clarify"
    steps = []
    for step in reading:
        params = {key: _number(value) for key, value in step["params"].items() if value not in (None, "", {}, [])}
        counts = step["skill"] not in ("control", "query", "move") or params.get("action") == "repeat"
        quantity = step["quantity"] if counts else None
        steps.append([step["skill"], step["object"], step["target"], quantity, json.dumps(params, sort_keys=True)])
    return steps


def _number(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _number(item) for key, item in value.items()}
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def moves(reading: Any) -> bool:
    """Whether acting on a normal reading could move the arm."""
    return not isinstance(reading, str) and any(
        step[0] in MOTION or (step[0] == "control" and ("resume" in step[4] or "repeat" in step[4])) for step in reading
    )


def judge(row: dict[str, Any]) -> dict[str, Any]:
    """Read one sentence and compare."""
    began = time.process_time()
    got = normal(as_json(interpret(row["text"])))
    seconds = time.process_time() - began
    gold = normal(row["expect"])
    return {
        "id": row["id"], "group": GROUPS[row["lang"]], "text": row["text"], "gold": gold, "got": got,
        "ms": 1000 * seconds,
        "exact": got == gold,
        "outcome": (got if isinstance(got, str) else "steps") == (gold if isinstance(gold, str) else "steps"),
        "unsafe": isinstance(gold, str) and moves(got),
        "wrong_motion": moves(got) and got != gold,
    }  # fmt: skip


def measures(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The issue's measures, of all rows and by language."""
    out: dict[str, float] = {}
    for group in ("", *sorted({row["group"] for row in rows})):
        chosen = [row for row in rows if not group or row["group"] == group]
        prefix, n = f"{group}_" if group else "", len(chosen)
        out[f"{prefix}n"] = n
        for name in ("exact", "outcome", "wrong_motion"):
            out[prefix + name] = round(sum(row[name] for row in chosen) / n, 4)
        out[f"{prefix}unsafe"] = sum(row["unsafe"] for row in chosen)
    times = sorted(row["ms"] for row in rows)
    out["median_ms"], out["p95_ms"] = round(statistics.median(times), 2), round(times[int(0.95 * len(times))], 2)
    return out


def sentences(languages: Iterable[str]) -> list[dict[str, Any]]:
    """The sentences of these languages."""
    lines = [line for lang in languages for line in (SENTENCES / f"{lang}.jsonl").read_text("utf-8").splitlines()]
    return [json.loads(line) for line in lines]


def main() -> None:
    """Read all sentences, print the measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--languages", default="en,de,zh")
    parser.add_argument("--show", action="store_true", help="print every sentence that is misread")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    interpret("stop")
    rows = [judge(row) for row in sentences(args.languages.split(","))]
    told = [judge(row) for row in sentences(f"told_{language}" for language in args.languages.split(","))]
    found = measures(rows) | {"told_n": len(told), "told_unsafe": sum(row["unsafe"] for row in told)}
    for file in FIRST_LOOKS:
        found |= {f"first_look_{name}": value for name, value in json.loads(file.read_text("utf-8")).items()}
    if args.show:
        for row in (*rows, *told):
            if not row["exact"]:
                print(
                    f"{row['id']} {row['text']}\n    expected {row['gold']}\n    read as  {row['got']}", file=sys.stderr
                )
    command = "python benchmarks/language.py " + " ".join(sys.argv[1:])
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    bad = [row for row in rows if not row["exact"]]
    if args.json:
        print(
            json.dumps(
                {"name": "language", "machine": machine, "command": command.strip(), "rows": bad, "measures": found}
            )
        )
        return
    for name, value in found.items():
        print(f"{name:24} {value:g}")


if __name__ == "__main__":
    main()
