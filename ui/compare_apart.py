"""Ground that the models do not agree on: a list, and of one place its picture, its slope and what each says."""

import base64
from html import escape
from pathlib import Path

import pandas as pd
import streamlit as st

from core.display import relief
from core.project import Project
from core.request import source
from core.review.chips import Source, draw, path, place
from core.rivals import Contest, send_apart
from core.scene import FEET_M
from core.styles import Style, imagery
from core.vectors import read_outlines
from core.versus import COLOURS
from ui import html, state
from ui.outlines import size, table_in
from ui.picked import pick, picked, turn
from ui.words import errors_in_words

_REVIEWER = "reviewer"
_LINE = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 256 256" fill="none" stroke-linejoin="round">'
         '<path d="{0}" stroke="#fff" stroke-opacity="0.75" stroke-width="5"/>'
         '<path d="{0}" stroke="#a35ca0" stroke-width="2.5"/></svg>')


def panel(project: Project, contest: Contest) -> None:
    """Show the list, and the place that is selected on it or on the map."""
    found = table_in(contest.apart)
    if found is None or found.empty:
        html.empty("They agree", "No piece of ground of the smallest size is called landslide by some and not by "
                   "others.")
        return
    _table(contest, found)
    chosen = found[found["id"] == picked(contest.id)]
    if chosen.empty:
        html.note("Click a place on the map, or a row.")
        return
    with errors_in_words():
        _place(project, contest, chosen.iloc[0])


def _table(contest: Contest, found: pd.DataFrame) -> None:
    key = f"apart-{contest.id}-{turn(contest.id)}"

    def on_row() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        row = found.iloc[rows[0]] if rows else None
        if row is None:
            pick(contest.id, None)
        else:
            pick(contest.id, int(row["id"]), tuple(float(row[side]) for side in ("west", "south", "east", "north")))

    columns = {"id": st.column_config.NumberColumn("No.", width=44),
               "area_m2": st.column_config.NumberColumn("Area, m²", format="localized", width=76)}
    columns |= {f"p{at}": st.column_config.NumberColumn(name, format="%.2f", width=104)
                for at, name in enumerate(contest.names, start=1)}
    columns["slope_mean_deg"] = st.column_config.NumberColumn("Slope", format="%.0f°", width=60)
    at = found.index[found["id"] == picked(contest.id)]
    st.dataframe(found[list(columns)].round({"area_m2": 0}), hide_index=True, height=212, key=key, on_select=on_row,
                 selection_mode="single-row", column_config=columns, width="stretch",
                 selection_default={"selection": {"rows": [int(at[0])]}} if len(at) else None)


def _place(project: Project, contest: Contest, row: pd.Series) -> None:
    """Show one place: pictures, and the probability that each model gives it."""
    with st.container(border=True, key="selected", gap="small"):
        html.title("Not agreed on", f"Place {int(row['id'])}, {size(row['area_m2'])}")
        st.html(f'<div class="review-chips">{_chips(project, contest, int(row["id"]))}</div>')
        odds = "".join(_bar(name, row[f"p{at}"], colour) for at, (name, colour) in enumerate(
            zip(contest.names, COLOURS, strict=False), start=1))
        st.html(f'<div class="scarp-odds">{odds}</div>')
        slope = row["slope_mean_deg"]
        html.facts({"Slope, mean": "not known" if pd.isna(slope) else f"{slope:.1f}°",
                    "Place": f"{row['lat']:.5f}, {row['lon']:.5f}"})
        with st.popover("Send to review", icon=":material/rate_review:"):
            html.note("The outlines that reach into this place go to the list of what is to be reviewed, with a note.")
            who = st.text_input("Your name", state.get(_REVIEWER, ""), key="apart-reviewer")
            if st.button("Send", type="primary", disabled=not who.strip(), width="stretch", key="apart-send"):
                sent = send_apart(project, contest, int(row["id"]), who)
                st.session_state[_REVIEWER] = who
                state.note(f"{sent} outlines are up for review.")


def _bar(name: str, value: float, colour: str) -> str:
    share = 0.0 if pd.isna(value) else float(value)
    said = "–" if pd.isna(value) else f"{value:.2f}"
    return (f"<span>{escape(name)}</span><i><b style=\"width:{share:.0%};background:{colour}\"></b></i>"
            f"<em>{said}</em>")


@st.cache_data(max_entries=32, show_spinner=False)
def _pictures(_sources: list[Source], apart: Path, changed: int, number: int) -> tuple[list[tuple[str, bytes]], str]:
    frame = read_outlines(apart).to_crs("EPSG:4326")
    outline = frame.loc[frame["id"] == number].geometry.iloc[0]
    grid = place(outline)
    return [(each.title, draw(each, grid)) for each in _sources], path(outline, grid)


def _chips(project: Project, contest: Contest, number: int) -> str:
    pictures, outline = _pictures(_sources(project, contest), contest.apart, contest.apart.stat().st_mtime_ns, number)
    line = f"data:image/svg+xml;base64,{base64.b64encode(_LINE.format(outline).encode()).decode()}"
    return "".join(
        f'<figure><img alt="" src="data:image/webp;base64,{base64.b64encode(picture).decode()}">'
        f'<img class="review-line" alt="" src="{line}"><figcaption>{escape(title)}</figcaption></figure>'
        for title, picture in pictures)


def _sources(project: Project, contest: Contest) -> list[Source]:
    """Return what the pictures are made of: the image that was searched, and the slope where it is known."""
    run = next((each for each in contest.runs if each), None)
    image = (source(project, run, "image") if run else None) or project.of("image")[0]
    file = project.path(image)
    found = [Source("Image", file, imagery(file, dict(image.bands) or None).style() or Style())]
    for dem in project.of("dem")[:1]:
        made = relief(project.path(dem), project.folder / "derived", FEET_M if dem.unit == "ft" else 1.0)
        found.append(Source("Slope", made["slope"], Style("slope")))
    return found
