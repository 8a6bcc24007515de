"""The command line: the same jobs as the app, without a browser."""

from __future__ import annotations

import argparse
import logging
import sys

from core.cli import comparisons, data, detection, models, projects, scores, training
from core.cli.progress import EXIT_STOPPED
from core.errors import CancelledError, ScarpError

EXIT_ERROR = 2
GROUPS = (detection, projects, models, training, data, scores, comparisons)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, or 2 after an error that was explained, or 130 after a stop."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(message)s")
    try:
        options.run(options)
    except CancelledError as error:
        print(error, file=sys.stderr)
        return EXIT_STOPPED
    except ScarpError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return EXIT_STOPPED
    return 0


def parser() -> argparse.ArgumentParser:
    """Return what reads the arguments; each command has its function as ``run``."""
    made = argparse.ArgumentParser(prog="scarp", description="Landslide mapping from imagery and terrain.")
    made.add_argument("-v", "--verbose", action="store_true", help="say what is being done")
    commands = made.add_subparsers(required=True, metavar="command")
    for group in GROUPS:
        group.add(commands)
    return made
