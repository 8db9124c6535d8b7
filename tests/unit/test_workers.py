"""Workers: they do what they are given, and don't outlive who began them."""

from __future__ import annotations

import os
import subprocess
import sys
import time


def test_workers_end_when_the_one_that_began_them_is_killed() -> None:
    code = (
        "import os, time\n"
        "from policies.workers import workers\n"
        "if __name__ == '__main__':\n"
        "    pool = workers(1)\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    pool.submit(time.sleep, 600)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        worker = int(parent.stdout.readline())
        os.kill(worker, 0)
        parent.kill()
    until = time.monotonic() + 30
    while time.monotonic() < until and _is_there(worker):
        time.sleep(0.1)
    assert not _is_there(worker)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
