"""A report as one HTML file: an interactive map, charts and pictures, all inside it, so that it opens offline."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from string import Template

from core.project import Project, Run
from core.report import Landslide, Report
from core.review import chips
from core.statistics import bins_for, size_frequency
from core.styles import Style, imagery
from ui import charts
from ui.assets import font_css
from ui.saved_map import saved_map

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval';
 font-src data:; frame-src 'self'; connect-src data: blob:; worker-src blob:">
<title>$title: landslides</title><style>$fonts
:root { --ink: #17262b; --pale: #5a6b70; --line: #d8dfe1; --accent: #0c7473; --ground: #f5f7f7; --slide: $colour; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.55 Inter, system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 48px 32px 64px; background: #fff; }
h1 { font-size: 34px; line-height: 1.2; margin: 2px 0 6px; } h2 { font-size: 20px; margin: 44px 0 12px; }
.kicker, small, dt, th { color: var(--pale); font-size: 12.5px; font-weight: 500; }
.kicker { letter-spacing: .06em; text-transform: uppercase; }
p { margin: 0 0 10px; max-width: 75ch; }
dl { display: grid; gap: 14px 24px; margin: 20px 0; } dd { margin: 0; overflow-wrap: anywhere; }
dl.figures { grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); padding: 18px 20px; background: var(--ground);
 border-radius: 10px; }
dl.figures dd { font-size: 24px; font-weight: 650; color: var(--accent); }
dl.facts { grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); }
iframe { width: 100%; height: 560px; border: 1px solid var(--line); border-radius: 10px; display: block; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 7px 12px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top;
 overflow-wrap: anywhere; }
tr td:first-child:nth-last-child(2) { white-space: nowrap; padding-right: 24px; }
ul { padding-left: 20px; max-width: 75ch; } li { margin-bottom: 6px; }
.slides { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 20px; }
.slide { display: grid; grid-template-columns: 112px 1fr; gap: 12px; align-items: start; break-inside: avoid; }
.slide svg { width: 112px; height: 112px; border-radius: 8px; display: block; }
.slide b { color: var(--accent); } .slide dl { gap: 2px 10px; margin: 4px 0 0; grid-template-columns: auto 1fr; }
.slide dd { font-size: 13px; white-space: nowrap; } .chart { margin: 8px 0 0; min-height: 240px; }
footer { margin-top: 56px; color: var(--pale); font-size: 12.5px; }
@media (max-width: 640px) { main { padding: 24px 16px; } iframe { height: 420px; } }
@media print { body { background: #fff; } main { padding: 0; } h2 { break-after: avoid; } }
</style></head><body><main>
<div class="kicker">Landslide report</div><h1>$title</h1>$note
$facts$figures
<h2>Map</h2><iframe title="Map" sandbox="allow-scripts" srcdoc="$map"></iframe>
$since$sizes
<h2>The largest landslides</h2>$largest
<h2>How it was made</h2>$method
<h2>The model</h2>$model
<h2>How good it is</h2>$accuracy
<h2>What this report does not say</h2>$limits
<h2>Data</h2>$sources
<footer>Made with Scarp.</footer>
</main></body></html>
""")


def report_html(project: Project, run: Run, report: Report) -> str:
    """Return the page.

    Raises:
        InputError: A file of the project is missing or damaged.
        rasterio.errors.RasterioError: A raster cannot be read to the end.
    """
    note = f"<p>{escape(report.note)}</p>" if report.note else ""
    return _PAGE.substitute(
        title=escape(report.title), colour=charts.LANDSLIDE, note=note, fonts=font_css(inside=True),
        facts=_pairs(report.facts, "facts"), figures=_pairs(report.figures, "figures"),
        map=escape(saved_map(project, run, report.outlines)), sizes=_sizes(report), since=_since(report),
        largest=_largest(project, report) or "<p>None was found.</p>",
        method="".join(f"<p>{escape(each)}</p>" for each in report.method),
        model=_table((), report.model.items()), limits=_list(report.limits),
        accuracy=_table(("Measured on", "Measure", "Value, with 95 % interval"),
                        ((each.ground, each.measure, each.words) for each in report.accuracy))
        if report.accuracy else "<p>Nothing has been measured.</p>",
        sources=_table(tuple(report.sources[0]), (tuple(row.values()) for row in report.sources)))


def _pairs(values: Mapping[str, str], kind: str) -> str:
    return f'<dl class="{kind}">' + "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
                                           for name, value in values.items()) + "</dl>"


def _list(sentences: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(each)}</li>" for each in sentences) + "</ul>"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "<tr>" + "".join(f"<th>{escape(each)}</th>" for each in titles) + "</tr>" if titles else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{head}{body}</table>"


def _since(report: Report) -> str:
    since = report.since
    return "" if since is None else (f"<h2>What changed since {escape(since.first)}</h2>"
                                     f"{_pairs(since.figures, 'facts')}<p>{escape(since.note)}</p>")


def _sizes(report: Report) -> str:
    areas = report.outlines["area_m2"]
    if len(areas) < 2:  # noqa: PLR2004 - a curve needs two
        return ""
    figure = charts.size_density(size_frequency(areas, bins_for(len(areas))))
    figure.update_layout(paper_bgcolor="#fff", plot_bgcolor="#fff", template="plotly_white", height=300)
    drawn = figure.to_html(full_html=False, include_plotlyjs=True, config={"displayModeBar": False, "responsive": True})
    return f'<h2>Sizes</h2><div class="chart">{drawn}</div>'


def _largest(project: Project, report: Report) -> str:
    path = project.path(report.image)
    source = chips.Source("Image", path, imagery(path, dict(report.image.bands) or None).style() or Style())
    return '<div class="slides">' + "".join(_slide(source, each) for each in report.largest) + "</div>" \
        if report.largest else ""


def _slide(source: chips.Source, each: Landslide) -> str:
    grid = chips.place(each.outline)
    picture = base64.b64encode(chips.draw(source, grid)).decode()
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in each.facts.items())
    side = chips.SIDE_PX
    return (f'<div class="slide"><svg viewBox="0 0 {side} {side}" role="img" aria-label="{escape(each.name)}">'
            f'<image href="data:image/webp;base64,{picture}" width="{side}" height="{side}"/>'
            f'<path d="{chips.path(each.outline, grid)}" fill="none" stroke="{charts.LANDSLIDE}" stroke-width="3"/>'
            f"</svg><div><b>{escape(each.name)}</b><dl>{facts}</dl></div></div>")
