"""``cellwright hw``: the cell on real arms, over ROS 2."""

from __future__ import annotations

import typer

from hw.interface_commands import app as interfaces
from hw.teach_command import teach
from hw.up import up

app = typer.Typer(help="Real arms, over ROS 2: nodes, taught stations, types.", no_args_is_help=True)
app.add_typer(interfaces, name="interfaces")
app.command()(teach)
app.command("up")(up)
