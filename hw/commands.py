"""``cellwright hw``: the cell on real arms, over ROS 2."""

from __future__ import annotations

import typer

from hw.interface_commands import app as interfaces

app = typer.Typer(help="Real arms, over ROS 2: message types.", no_args_is_help=True)
app.add_typer(interfaces, name="interfaces")


@app.callback()
def hw() -> None:
    """Keeps ``interfaces`` a noun of its own while it is the only one."""
