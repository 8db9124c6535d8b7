"""``cellwright zoo search|pull|push|import``: policies that come from elsewhere, or go there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cells.commands.show import DEFAULT_CELL, AsJson, CellName, emit, plain, say, table
from cells.errors import InputError, Problem

if TYPE_CHECKING:
    from policies.contents import Read
    from policies.index import Row
    from policies.sharing import Shared
    from policies.shelf import Shelf

Store = Annotated[
    str | None,
    typer.Option("--store", envvar="CELLWRIGHT_ZOO", metavar="URL", help="A shared zoo: a folder, http(s), s3, hf."),
]
SHOWN = 10


def search(
    capability: Annotated[str, typer.Argument(help="What the step asks for: insert, mesh, pick.")],
    product: Annotated[str, typer.Option(help="The product family of the part.")],
    values: Annotated[list[str] | None, typer.Option("--set", metavar="K=V", help="A parameter of the part.")] = None,
    cell: CellName = DEFAULT_CELL,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Find policies for a step, of your zoo and of a shared one, the likeliest first, with the reasons."""
    from cells.commands.product import variant_of
    from cells.description.cell import load_cell
    from cells.products.catalogue import families
    from policies.matching import rank, wanted
    from policies.sharing import rows_here

    variant = variant_of(product, values or [], cell)
    asked = wanted(capability, variant, families()[variant.family], load_cell(cell))
    here = _told(rows_here())
    there = () if store is None else _told(_rows(store))
    found = rank(asked, (*there, *here))  # of one that is in both, what is here counts
    mine = {row.policy for row in here}
    if as_json:
        emit({"asked": plain(asked), "policies": [
            {"policy": match.row.policy, "here": match.row.policy in mine, "covered": match.covered,
             "distance": match.distance, "why": match.why, "row": match.row.model_dump(mode="json")}
            for match in found
        ]})  # fmt: skip
        return
    rows = [(match.row.policy, "here" if match.row.policy in mine else "there", match.why) for match in found[:SHOWN]]
    table(("policy", "", f"for {capability} on {product}"), rows)
    if len(found) > SHOWN:
        print(f"and {len(found) - SHOWN} more; --json lists all")


def pull(
    policy: Annotated[str, typer.Argument(metavar="POLICY|PATH", help="name@version, name, or an entry's zip file.")],
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a policy from a shared zoo, or out of a zip file, check it, and put it into your zoo."""
    from policies.sharing import admit
    from policies.sharing import pull as fetch
    from policies.store import own_zoo

    if policy.endswith(".zip"):
        folder, who = admit(read_path(Path(policy)), own_zoo())
    else:
        folder, who = fetch(policy, _shelf(store), own_zoo())
    name = f"{folder.parent.name}@{folder.name}"
    if as_json:
        emit({"policy": name, "folder": folder, "from": who})
    else:
        print(f"{name} ({who}): {folder}")


def push(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="name@version, or name for the newest.")],
    store: Store = None,
    sign: Annotated[
        Path | None, typer.Option(metavar="KEY.pem", help="Sign it by this Ed25519 key.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put a policy into a shared zoo, for good: a version never changes."""
    from policies.sharing import push as put
    from policies.store import find_entry

    shelf = _shelf(store)
    row = put(find_entry(policy), shelf, sign)
    if as_json:
        emit({"policy": row.policy, "store": shelf.url, "sha256": row.archive, "bytes": row.size, "key": row.key})
    else:
        print(f"{row.policy} is in {shelf.url}{f', signed by {row.key}' if row.key else ''}")


def import_(
    archive: Annotated[Path, typer.Argument(help="What stable-baselines3 saved: a zip file.")],
    name: Annotated[str, typer.Option(help="How the policy is to be called.")],
    skill: Annotated[str, typer.Option(help="The skill that it was trained for.")],
    normaliser: Annotated[
        Path, typer.Option(metavar="FILE", help='JSON: {"mean": [...], "scale": [...]} of the observation.')
    ],
    licence: Annotated[str, typer.Option(help="Under what others may use it: an SPDX identifier.")],
    cell: CellName = DEFAULT_CELL,
    as_json: AsJson = False,
) -> None:
    """Make a policy of an actor of stable-baselines3 (SAC, TQC, TD3, DDPG). Nothing pickled is loaded."""
    try:
        from policies.taking_in import take_in
    except ModuleNotFoundError as error:
        what, remedy = f"the package {error.name!r} is missing", "pip install 'cellwright[train]'"
        raise InputError(Problem("import", what, remedy)) from None
    from policies.store import own_zoo

    folder = take_in(archive, own_zoo(), name, skill, normaliser, licence, cell)
    made = f"{name}@{folder.name}"
    if as_json:
        emit({"policy": made, "folder": folder})
    else:
        print(f"{made}: {folder}")
        print(f"nothing is proven of it yet: cellwright eval {made}")


def listed(store: str) -> list[dict[str, Any]]:
    """What ``zoo list`` tells of a shared zoo."""
    return [{**row.model_dump(mode="json"), "problems": ()} for row in _told(_rows(store))]


def read_path(path: Path) -> Read:
    """The entry in a folder or a zip file. Raises ``InputError``."""
    from policies.archive import MAX_ARCHIVE_BYTES, read_archive
    from policies.folder import open_plain, read_entry

    if path.suffix != ".zip":
        return read_entry(path)
    try:
        with open_plain(path) as file:
            raw = file.read(MAX_ARCHIVE_BYTES + 1)
    except OSError as error:
        raise InputError(Problem(str(path), f"can't be read ({error.strerror})", "check the path")) from None
    return read_archive(raw, str(path))


def _shelf(store: str | None) -> Shelf:
    from policies.shelf import open_shelf

    if store is None:
        what, remedy = "no shared zoo is named", "name one with --store, or in the environment as CELLWRIGHT_ZOO"
        raise InputError(Problem("--store", what, remedy))
    return open_shelf(store)


def _rows(store: str) -> Shared:
    from policies.sharing import rows_known

    return rows_known(_shelf(store))


def _told(shared: Shared) -> tuple[Row, ...]:
    """The rows; what is wrong is said on stderr."""
    for problem in shared.problems:
        say(f"cellwright: {problem}")
    return shared.rows
