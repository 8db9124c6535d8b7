"""``cellwright eval``: how good a policy is, or the nominal; and whether an episode goes the same way again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cells.commands.product import parameters
from cells.commands.show import DEFAULT_CELL, AsJson, CellName, emit, plain, say, table
from cells.errors import CellwrightError, InputError, Problem
from cells.streams import STDERR, STDOUT, rerouted

if TYPE_CHECKING:
    from policies.episodes import Row
    from policies.evaluation import Evaluation, Result

SEEDS_SHOWN = 6
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="K=V",
        help="Change a condition: peg_mm=12, or a range, [8, 12]. Of several families, those that have it.",
    ),
]


def eval_(
    policy: Annotated[
        str | None, typer.Argument(metavar="[POLICY|nominal]", help="name@version, name for the newest, or nominal.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="insert, mesh, cover or grasp. Default: what the policy was made for, or insert.")
    ] = None,
    conditions: Annotated[
        str | None,
        typer.Option(help="Of the task, as hard, medium or shop. Default: those it was made for, or the first."),
    ] = None,
    values: Changes = None,
    twin: Annotated[bool, typer.Option("--twin", help="In the cell's floating twin, without the arm.")] = False,
    episodes: Annotated[int, typer.Option(min=1, help="How many episodes.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Which episodes.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes side by side.")] = 1,
    films: Annotated[int, typer.Option(min=0, help="Strips of pictures, failures first.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder of rows, evaluation.json and films; goes on there.")] = None,
    cell: CellName = DEFAULT_CELL,
    replay: Annotated[Path | None, typer.Option(metavar="FILE", help="A file of rows: run one of them again.")] = None,
    episode: Annotated[int, typer.Option(min=0, help="Which row to replay, from 0.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Evaluate a policy, beside the nominal on the same episodes."""
    if replay is not None:
        again(replay, episode, as_json)
        return
    if policy is None:
        raise InputError(Problem("POLICY", "is missing", "name a policy of the zoo, or nominal"))
    from policies.evaluation import evaluate
    from policies.filmstrip import chosen, write_strip

    task, conditions, made = where(policy, task, conditions)
    changes = {**made, **parameters(values or [])}
    name = f"eval-{policy.replace('@', '-')}-{task}-{conditions or 'default'}-{seed}"
    folder = out or Path("runs") / name
    subjects = 1 if policy == "nominal" else 2
    with progress(subjects * episodes) as told:
        found, rows = evaluate(
            policy, task, conditions, episodes, seed, folder / "episodes.jsonl", changes=changes, cell=cell, twin=twin,
            jobs=jobs, told=told,
        )  # fmt: skip
    (folder / "evaluation.json").write_bytes(found.as_json())
    with rerouted(STDOUT, to=STDERR):
        strips = [write_strip(row, folder / "films") for row in chosen(rows, films)]
    if as_json:
        emit({**plain(found), "folder": folder, "films": strips})
    else:
        show(found)
        print(f"rows, evaluation.json and {len(strips)} films are in {folder}")


def where(policy: str, task: str | None, conditions: str | None) -> tuple[str, str | None, Mapping[str, Any]]:
    """The task, its conditions and what is changed of them: as asked for, else as the policy was evaluated when it was
    made."""
    if task is not None or policy == "nominal":
        return task or "insert", conditions, {}
    from policies.contents import EVALUATION
    from policies.entry import parse_json
    from policies.folder import read_entry
    from policies.store import find_entry

    made = parse_json(read_entry(find_entry(policy)).files[EVALUATION], EVALUATION).get("asked")
    match made:
        case {"task": str(known), "conditions": str(those), "changes": dict(changes)} if not conditions:
            return known.lower(), those, changes
        case {"task": str(known), "conditions": str(those)}:
            return known.lower(), conditions or those, {}
        case _:  # an entry that was taken in, and evaluated nowhere
            return "insert", conditions, {}


def again(path: Path, episode: int, as_json: bool) -> None:
    """Run a row of a file again, and say whether it went the same way."""
    from policies.episodes import read_rows, run

    rows = read_rows(path)
    if episode >= len(rows):
        what = f"has {len(rows)} rows, none of which is {episode}"
        raise InputError(Problem(str(path), what, "name a row that is there, the first is 0"))
    row = rows[episode]
    with rerouted(STDOUT, to=STDERR):
        now = run(row.asked)
    same = now.trajectory == row.trajectory
    if as_json:
        emit({"same": same, "trajectory": row.trajectory, "replayed": now.trajectory, "outcome": now.outcome})
    elif same:
        print(f"the same, bit by bit: {row.trajectory}")
    if not same:
        what = f"went another way: {now.trajectory}, and it was {row.trajectory}"
        raise CellwrightError(Problem(f"{path}:{episode + 1}", what, "use the versions that the row was made with"))


@contextmanager
def progress(total: int) -> Iterator[Callable[[Row], None]]:
    """What hears of every episode: a bar on a terminal, else a line each; on stderr."""
    done = solved = 0

    def line(row: Row) -> str:
        nonlocal done, solved
        done, solved = done + 1, solved + bool(row.outcome["success"])
        return f"{row.asked.policy} {row.asked.seed}: {row.outcome['cause'] or 'success'}; {solved}/{done} solved"

    if not sys.stderr.isatty():
        yield lambda row: say(f"{line(row)} of {total}")
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False)
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("starting", total=total)
        yield lambda row: bar.update(task, advance=1, description=line(row))


def show(found: Evaluation) -> None:
    """The evaluation as tables."""
    from cells.description.documents import shown as written

    asked = found.asked
    rows = [shown(asked.policy, found.result)] + ([shown("nominal", found.nominal)] if found.nominal else [])
    changed = "".join(f", {name} {written(value)}" for name, value in asked.changes.items())
    title = (
        f"{asked.task} {asked.conditions}{changed}{', in the twin' if asked.twin else ''}, {found.episodes} episodes"
    )
    title += f" from seed {asked.seed}"
    table(("", "success", "95 % ≥", "within 10 s", "95 % ≥", "time s", "peak N"), rows, title)
    if found.paired:
        print(*beside(found), sep="\n")
    table(
        ("success by", "", "episodes", "share", "95 % ≥"),
        [
            (
                b.factor,
                between(b.value, b.low, b.high),
                b.success.of,
                f"{b.success.share:.3f}",
                f"{b.success.lower:.3f}",
            )
            for b in found.bins
        ],
    )
    for cause, seeds in found.causes.items():
        more = ", ..." if len(seeds) > SEEDS_SHOWN else ""
        print(f"{len(seeds)} × {cause}: seeds {', '.join(map(str, seeds[:SEEDS_SHOWN]))}{more}")
    print(f"({'; '.join(found.conventions)})")


def beside(found: Evaluation) -> Iterator[str]:
    """The policy beside the nominal, in lines."""
    pair = found.paired
    assert pair is not None, "evaluated beside the nominal"
    rest = "" if found.acted == found.episodes else "; the others lead to a strategy that it isn't for"
    yield f"acted in {found.acted} of {found.episodes} episodes{rest}"
    d = pair.success
    yield f"success {100 * d.difference:+.1f} points (95 % ≥ {100 * d.lower:+.1f}; gained {d.gained}, lost {d.lost}"
    yield f"McNemar p {d.p:.3g}): {'as good as the nominal, or better' if pair.as_good else 'not shown as good'}"
    for what, r in (("time", pair.time), ("peak force", pair.peak)):
        bounds = f"{r.ratio:.3f} (95 % ≥ {r.low:.3f}, 95 % ≤ {r.high:.3f}), " if r.of else "unknown, "
        yield f"{what} × {bounds}over {r.of} episodes that both solve"


def shown(name: str, result: Result) -> tuple[str, ...]:
    """A result as cells of a table."""
    shares = [f"{value:.3f}" for s in (result.success, result.quick) for value in (s.share, s.lower)]
    return name, *shares, f"{result.time_s:.2f}", f"{result.peak_n:.1f}"


def between(value: object, low: float | None, high: float | None) -> str:
    """A value, or the bin that it is in."""
    if low is not None and high is not None:
        return f"{low:.3g} to {high:.3g}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
