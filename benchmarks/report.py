"""docs/benchmarks.md from the figures of the last run: python -m benchmarks.report."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

from benchmarks.figures import CORES, Figure, table

HERE = Path(__file__).parent
LOG, TRIED, PAGE = HERE / "results.json", HERE / "tried.md", HERE.parent / "docs" / "benchmarks.md"
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")

HEAD = """# Benchmarks

Measured by `{command}` on {date}, {minutes:.0f} minutes in all: every figure of this page comes from one run, which
`benchmarks/results.json` keeps. What is compared is measured in turn, and medians are given. Trust the ratios; the
figures themselves are this machine's.

Machine: {cpu}, {cores} cores, with {flags}.

{summary}
"""


def machine() -> dict[str, Any]:
    """Return the processor, its cores, and which of the instructions that matter it has."""
    info = Path("/proc/cpuinfo")
    lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line) if info.exists() else {}
    lines = {key.strip(): value.strip() for key, value in lines.items()}
    flags = lines.get("flags", "").split()
    return {"cpu": lines.get("model name", platform.processor() or platform.machine()), "cores": CORES,
            "flags": [flag for flag in FLAGS if flag in flags]}


def render(log: dict[str, Any], tried: str) -> str:
    """Return the page."""
    parts = [(part["title"], [Figure(**figure) for figure in part["figures"]]) for part in log["parts"]]
    figures = [figure for _, found in parts for figure in found]
    met, missed = (sum(figure.met is wanted for figure in figures) for wanted in (True, False))
    summary = f"Of {met + missed} targets measured, {met} are met." if met + missed else ""
    flags = ", ".join(log["machine"]["flags"]) or "no special instructions"
    head = HEAD.format(**log, **(log["machine"] | {"flags": flags}), summary=summary)
    return "\n".join([head, *(f"## {title}\n\n{table(found)}\n" for title, found in parts), tried])


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(json.loads(LOG.read_text()), TRIED.read_text()))


if __name__ == "__main__":
    main()
