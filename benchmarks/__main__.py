"""Every measurement, the machine's ceilings first, each part in a process of its own: python -m benchmarks."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import report

PARTS = ("ceilings", "network", "detection", "tiles", "peers", "rasters", "training")


def main() -> None:
    """Measure, keep the figures and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--command", default="python -m benchmarks", help="how this was started, for the page")
    options = parser.parse_args()
    started, found = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        for part in PARTS:
            file = Path(folder) / f"{part}.json"
            subprocess.run([sys.executable, "-m", f"benchmarks.{part}", "--json", file], check=True)
            found.append(json.loads(file.read_text()))
    log = {"date": datetime.now(UTC).date().isoformat(), "command": options.command,
           "minutes": round((time.monotonic() - started) / 60, 1), "machine": report.machine(), "parts": found}
    report.LOG.write_text(json.dumps(log, indent=1) + "\n")
    report.main()
    print(f"Written: {report.PAGE}")


if __name__ == "__main__":
    main()
