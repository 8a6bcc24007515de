"""The process around one job's command: it starts it, waits for it, and writes down how it ended.

Run as ``python -m core.worker FOLDER`` in a session of its own. It outlives the server and everything
it needs is in the folder, so it imports nothing heavy. The command is in the same process group: a signal
to the group reaches both, and the worker stays to see that the command stops.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE_S = 8.0
"""How long a command may take to stop by itself before the whole group is killed; SCARP_GRACE_S overrides it."""


def supervise(folder: Path) -> int:
    """Run the command of ``folder/job.json``; its end is in ``folder/exit.json``."""
    command = json.loads((folder / "job.json").read_bytes())["command"]
    asked: list[float] = []
    grace = float(os.environ.get("SCARP_GRACE_S") or GRACE_S)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: asked.append(time.monotonic()))
    os.nice(5)
    with (folder / "log.txt").open("ab") as log:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        except OSError as error:
            log.write(f"The worker could not start: {error.strerror}.\n".encode())
            return _end(folder, 127)
        while (code := process.poll()) is None:
            if asked and time.monotonic() - asked[0] > grace:
                _end(folder, -signal.SIGKILL)
                os.killpg(os.getpgid(0), signal.SIGKILL)
            time.sleep(0.05)
    return _end(folder, code)


def _end(folder: Path, code: int) -> int:
    aside = folder / ".exit.json"
    aside.write_text(json.dumps({"code": code, "at": time.time()}))
    aside.replace(folder / "exit.json")
    return code


if __name__ == "__main__":
    supervise(Path(sys.argv[1]))
