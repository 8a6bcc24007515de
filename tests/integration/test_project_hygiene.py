"""What holds for the project as a whole: pins with reasons, no large or machine-bound file, a README that is true."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_BYTES = 25 * 2**20

# Built from parts, so that this file does not hold them.
FORBIDDEN = [
    "/" + "work/", "/" + "root/", "/" + "home/", "../" + "shared",
    "registry." + "npmjs", "py" + "pi.org", "pythonhosted" + ".org", "deb." + "debian.org",
]
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")


def tracked() -> list[Path]:
    """Return the files that git knows; a copy without git has none to judge."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def pins(name: str) -> dict[str, tuple[str, str]]:
    """Return version and comment of each requirement."""
    found = {}
    for line in (ROOT / name).read_text().splitlines():
        requirement, _, comment = line.partition("#")
        if requirement.strip():
            match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)", requirement.strip())
            assert match, f"{name}: {requirement.strip()!r} is not pinned"
            found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2], comment.strip()
    return found


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_has_a_reason_and_is_in_the_constraints(name) -> None:
    constraints = pins("constraints.txt")
    for package, (version, reason) in pins(name).items():
        assert len(reason) > 5, f"{package} has no reason"
        assert constraints.get(package, ("missing",))[0] == version, package


def test_every_package_that_is_imported_is_required() -> None:
    required = {**pins("requirements.txt"), **pins("requirements-dev.txt")}
    own = {"core", "ui", "tests", "benchmarks", *sys.stdlib_module_names}
    distributions = packages_distributions()
    missing = set()
    for path in tracked():
        for node in ast.walk(ast.parse(path.read_text())) if path.suffix == ".py" else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in {name.partition(".")[0] for name in names} - own:
                providers = {re.sub(r"[-_.]+", "-", each).lower() for each in distributions.get(name, [name])}
                if not providers & set(required):
                    missing.add(f"{path.relative_to(ROOT)}: {name}")
    assert not missing


def test_no_tracked_file_is_large() -> None:
    large = {str(path.relative_to(ROOT)): path.stat().st_size for path in tracked() if path.stat().st_size > MAX_BYTES}
    assert not large


@pytest.mark.parametrize("word", FORBIDDEN)
def test_no_tracked_file_names_a_machine(word) -> None:
    found = [str(path.relative_to(ROOT)) for path in tracked() if word.encode() in path.read_bytes()]
    assert not found


def test_nothing_is_left_unfinished() -> None:
    sources = [path for path in tracked() if path.suffix in {".py", ".js", ".mjs", ".md", ".toml"}
               and "assets" not in path.parts]
    assert len(sources) > 20
    assert not [str(path.relative_to(ROOT)) for path in sources if UNFINISHED.search(path.read_text())]


def test_the_readme_needs_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert set(re.findall(r"\bmake (\w+)", text)) == {"run", "test"}
    assert not re.search(r"pip install|apt-get|conda|npm ", text)


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")],
                         ids=lambda path: path.name)
def test_links_lead_somewhere(path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        if not target.startswith("https://"):
            assert (path.parent / target).exists(), f"{path.name} links to {target}, which is not there"


def test_every_make_target_is_in_the_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make (\w+)", shown, re.MULTILINE)) == set(targets)


def test_the_check_script_runs_and_does_nothing_but_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "make test"
    assert "set -e" in script.read_text()
