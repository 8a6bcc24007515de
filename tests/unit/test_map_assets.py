"""The committed bundle belongs to the sources beside it, is whole, and needs nothing from elsewhere."""

import hashlib
import json
import re

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from ui.assets import asset_url, assets, font_css
from ui.settings import MAP_ASSETS, ROOT

FRONTEND = ROOT / "ui" / "map" / "frontend"


def test_the_bundle_was_built_from_these_sources():
    names = sorted([f"src/{file.name}" for file in (FRONTEND / "src").iterdir()] + ["build.mjs", "package-lock.json"])
    digest = hashlib.sha256(b"".join((FRONTEND / name).read_bytes() for name in names)).hexdigest()
    assert (MAP_ASSETS / "sources.sha256").read_text().strip() == digest, "run: npm ci && npm run build"


def test_versions_are_exact_and_every_bundled_package_has_its_licence():
    package = json.loads((FRONTEND / "package.json").read_text())
    versions = package["dependencies"] | package["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())
    licences = (MAP_ASSETS / "LICENSES.txt").read_text()
    for name, version in versions.items():
        assert name == "esbuild" or f"{name} {version} (" in licences


def test_nothing_is_loaded_from_another_host():
    style = (MAP_ASSETS / "map.css").read_text()
    assert not re.findall(r"""url\(["']?(?!data:)[a-z]+:""", style) and "@import" not in style
    assert "//unpkg" not in (MAP_ASSETS / "map.js").read_text()


@pytest.mark.parametrize("name", ["map.js", "map.css", "maplibre-gl-worker.mjs", "inter-latin.woff2"])
def test_an_asset_may_be_kept_for_good_under_its_version_only(name):
    client = TestClient(Starlette(routes=[Mount("/assets", app=assets())]))
    assert "immutable" in client.get(asset_url(name)).headers["cache-control"]
    assert client.get(f"/assets/0/{name}").headers["cache-control"] == "no-cache"
    assert client.get("/assets/0/../../component.py").status_code == 404
    assert name not in font_css() or asset_url(name) in font_css()
