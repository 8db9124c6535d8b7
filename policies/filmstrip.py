"""Strips of pictures of episodes that were run, failures first: an episode runs again by its row, and is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cells.errors import CellwrightError, Problem
from policies.episodes import Row, run

PICTURES, COLUMNS = 8, 4
CAPTION = 16  # pixels of height


def chosen(rows: Sequence[Row], count: int) -> list[Row]:
    """Which ``count`` episodes to look at: one of each cause of failure, then a second of each and so on, then
    successes."""
    seen: dict[str, int] = {}
    ranked = []
    for row in rows:
        cause = row.outcome["cause"]
        seen[cause] = seen.get(cause, 0) + 1
        ranked.append((not cause, seen[cause], row.asked.seed, row))
    return [row for *_, row in sorted(ranked, key=lambda item: item[:3])[:count]]


def write_strip(row: Row, out: Path, folder: Path | None = None) -> Path:
    """Run an episode again and write its strip of eight pictures, evenly spaced from beginning to end, into ``out``;
    returns the file. ``folder`` is where its policy is, the zoo's if None. Raises ``CellwrightError`` if the episode
    went another way than the first time."""
    from PIL import Image, ImageDraw

    due = np.linspace(0, row.steps, PICTURES).round().astype(int).tolist()
    pictures: list[Any] = []

    def watch(step: int, env: Any) -> None:
        if step in due:
            pictures.append(Image.fromarray(env.render()))

    if run(row.asked, folder, watch).trajectory != row.trajectory:
        what = "went another way than when it was evaluated"
        raise CellwrightError(Problem(f"episode {row.asked.seed}", what, "evaluate anew: the code has changed since"))
    width, height = pictures[0].size
    sheet = Image.new("RGB", (COLUMNS * width, -(-PICTURES // COLUMNS) * height + CAPTION), "white")
    for i, image in enumerate(pictures):
        sheet.paste(image, (i % COLUMNS * width, i // COLUMNS * height))
    ImageDraw.Draw(sheet).text((6, sheet.height - CAPTION + 2), caption(row), fill="black")
    out.mkdir(parents=True, exist_ok=True)
    name = "-".join("".join(c if c.isalnum() else " " for c in row.outcome["cause"] or "success").split())
    path = out / f"{row.asked.policy.replace('@', '-')}-{row.asked.seed}-{name}.png"
    sheet.save(path, "PNG", optimize=True)
    return path


def caption(row: Row) -> str:
    """What is written below a strip, in one line."""
    asked, told = row.asked, row.outcome
    ended = f"{told['cause']} ({told['why']})" if told["cause"] else "success"
    return f"{asked.policy}, {asked.task} {asked.conditions}, seed {asked.seed}: {ended}; " \
           f"{told['time_s']:.2f} s, peak {told['peak_n']:.1f} N"  # fmt: skip
