"""What every node's command does around it: interfaces made importable first, errors told without a traceback."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence

from cells.errors import CellwrightError


def run(serve: Callable[[Sequence[str]], None], argv: Sequence[str] | None = None) -> int:
    """Serve with the command's words (unless given, the process's); returns the exit code. A node that is told to end
    while it still starts ends at once, and gives back what it had opened."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from hw.types import ready

        ready()
        serve(sys.argv[1:] if argv is None else argv)
    except CellwrightError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0
