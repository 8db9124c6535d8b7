"""``cellwright train``: train a policy for a skill, as a run that may be interrupted, into the user's zoo."""

from __future__ import annotations

import re
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cells.commands.product import parameters
from cells.commands.show import DEFAULT_CELL, AsJson, CellName, emit, plain
from cells.errors import InputError, Problem
from cells.streams import STDERR, STDOUT, rerouted
from policies.eval_command import Changes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cells.skills.policy import Kind
    from policies.evaluation import Evaluation
    from policies.practice import Practice
    from policies.training import Learner

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_TIME = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(s|min|h)")


class LearnerName(StrEnum):
    """The learners."""

    TUNING = "tuning"
    CLONING = "cloning"
    RESIDUAL = "residual"


def train(
    skill: Annotated[str, typer.Argument(help="The skill: insert, mesh or pick.")],
    product: Annotated[
        str | None, typer.Option(help="The product family whose parts are handled. Default: that of the conditions.")
    ] = None,
    conditions: Annotated[
        str | None, typer.Option(help="What varies and how far, by name: hard, medium, shop ... Default: the first.")
    ] = None,
    values: Changes = None,
    learner: Annotated[LearnerName, typer.Option(help="How to learn.")] = LearnerName.TUNING,
    budget: Annotated[
        str, typer.Option(help="CPU time of all processes together, not wall clock: 90s, 20min, 1h.")
    ] = "20min",
    second: Annotated[
        float, typer.Option(min=0.0, max=100.0, help="What a second of an episode costs, where a failure costs 8.")
    ] = 0.7,
    newton: Annotated[
        float, typer.Option(min=0.0, max=100.0, help="What a newton of the highest force costs; more for gentleness.")
    ] = 0.015,
    seed: Annotated[int, typer.Option(min=0, max=10**6, help="Seed of everything random in the training.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes that play episodes.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder: checkpoints and curves. Default: under runs/train.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The policy's name in the zoo. Default: skill and learner.")] = None,
    episodes: Annotated[int, typer.Option(min=1, max=1000, help="Episodes of the comparison at the end.")] = 100,
    cell: CellName = DEFAULT_CELL,
    as_json: AsJson = False,
) -> None:
    """Train a policy for a skill.

    The same command goes on with a run that was interrupted.

    The result is an entry in your zoo ($CELLWRIGHT_HOME/zoo), compared with the nominal on episodes no learner saw.
    """
    budget_s = seconds(budget)
    if not budget_s:
        raise InputError(Problem("--budget", "is nothing", "write it as 90s, 20min or 1h"))
    from cells.description.cell import load_cell
    from cells.description.documents import shown
    from cells.description.fields import NAME_PATTERN
    from cells.journal.home import home_folder
    from policies.eval_command import progress
    from policies.practice import Practice, environment, first_conditions
    from policies.result import draw_curves, write_result
    from policies.training import Asked, Run
    from policies.watching import Watching

    described = load_cell(cell)
    called = name or f"{skill}-{learner}"
    if not re.fullmatch(NAME_PATTERN, called):
        remedy = "take small letters, digits, - and _, a letter first, 48 at most"
        raise InputError(Problem("--name", f"{shown(called)} can't be a policy's", remedy))
    env = environment(skill)
    conditions = conditions or first_conditions(env)
    folder = out or Path("runs/train") / f"{called}-{conditions}-{seed}"
    # Physics engines write on stdout, where only the result belongs.
    with rerouted(STDOUT, to=STDERR):
        practice = Practice(env, conditions, parameters(values or []), {"cell": cell}, second, newton)
        asked = Asked(*check(practice, product, learner), practice, str(learner), seed)
        with Watching(folder, budget_s) as watch, Run(folder, asked, budget_s, jobs, watch, watch.hear) as run:
            if run.state is not None:
                watch.say(f"going on after {run.spent_s:.0f} CPU s")
            learned = learner_of(learner)(run)
            spent_s = run.spent_s
            draw_curves(run.points, folder / "curves.png")
            watch.say(f"comparing with the nominal on {episodes} episodes")
        zoo, command = home_folder() / "zoo", shlex.join(["cellwright", *sys.argv[1:]])
        with progress(2 * episodes) as heard:
            written, found = write_result(run, spent_s, learned, episodes, described, zoo, called, command, heard)
    if as_json:
        emit({"policy": f"{called}@{written.name}", "folder": written, "run": folder, "evaluation": plain(found)})
        return
    print(*told(found), sep="\n")
    print(f"{called}@{written.name}: {written}")


def seconds(text: str) -> float:
    """A time such as 20min in seconds. Raises ``InputError``."""
    found = _TIME.fullmatch(text)
    if not found:
        raise InputError(Problem("--budget", f"{text!r} can't be read", "write it as 90s, 20min or 1h"))
    return float(found[1]) * UNITS[found[2]]


def learner_of(name: str) -> Learner:
    """The learner of a name; what it needs is imported here."""
    try:
        if name == LearnerName.TUNING:
            from policies.tuning import tune

            return tune
        if name == LearnerName.CLONING:
            from policies.cloning import imitate

            return imitate
        from policies.residual import practise

        return practise
    except ModuleNotFoundError as error:
        remedy = "pip install 'cellwright[train]'"
        raise InputError(Problem("train", f"the package {error.name!r} is missing", remedy)) from None


def check(practice: Practice, product: str | None, learner: LearnerName) -> tuple[str, str]:
    """The skill that is practised, which is ``insert`` for a cover, too, and the strategy. Raises ``InputError`` for
    conditions that don't exist, parts of another product, and a skill or a strategy that takes no policy of the
    learner's kind."""
    from cells.skills.contracts import CONTRACTS

    with practice.open("training") as env:
        families, skill = env.get_wrapper_attr("families"), str(env.get_wrapper_attr("task").skill)
        nominal = env.reset(seed=0)[1]["nominal"]
    if product is not None and (product,) != families:
        found = " and ".join(families)
        raise InputError(Problem("--product", f"is {product}, and these conditions are of {found}", "leave it out"))
    kind: Kind = "parameters" if learner == LearnerName.TUNING else "residual"
    others = [contract.nominal for contract in CONTRACTS if (contract.skill, contract.kind) == (skill, kind)]
    if not others:
        what = f"the skill {skill!r} takes no policy of kind {kind}, which {learner} makes"
        raise InputError(Problem("--learner", what, "use another learner"))
    if nominal not in others:
        takes = " and ".join(others)
        what = f"lead to the strategy {nominal}, which takes no policy of kind {kind}; one is for {takes}"
        raise InputError(Problem("--conditions", what, "train under conditions that lead to that"))
    return skill, nominal


def told(found: Evaluation) -> Iterator[str]:
    """The comparison in words."""
    from policies.eval_command import beside

    assert found.nominal is not None and found.paired is not None, "a policy is compared with its nominal"
    for who, result in ((found.asked.policy, found.result), ("nominal", found.nominal)):
        share = result.success
        yield f"{who}: success {share.share:.3f} (95 % ≥ {share.lower:.3f}), {share.count} of {share.of} episodes"
    yield from beside(found)
    if not found.paired.better:
        yield f"no better than the nominal, as far as {found.episodes} episodes tell: train longer or with another"
        yield f"learner or seed; more episodes: cellwright eval {found.asked.policy}"
