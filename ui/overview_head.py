"""The top of the overview: a picture of the newest detection, what the project is, and what to do next."""

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.downloads import picture_url
from core.errors import ScarpError
from core.jobs import Job, jobs
from core.picture import picture
from core.project import Layer, Project, Run
from core.tokens import signer
from ui import html, nav
from ui.outlines import size, table_of
from ui.place import place_of
from ui.projects_panel import menu
from ui.settings import projects_root
from ui.words import errors_in_words, say


def head(project: Project, run: Run | None) -> DeltaGenerator:
    """Show name, place, key figures and the next step; return the frame that the picture goes into."""
    left, right = st.columns([8, 5], gap="large")
    with right, st.container(key="about", gap="medium"):
        with st.container(key="title", horizontal=True, gap="small"):
            html.title("Project", project.name, project.note)
            menu(project)
        with errors_in_words():
            html.facts(place_of(project))
        if run is not None:
            with errors_in_words():
                _figures(run)
        _next(project, run)
    return left.empty()


def draw(project: Project, run: Run | None) -> None:
    """Show the picture; it is made when that is due."""
    if not project.of("image"):
        html.blank("No image yet", "Its picture will be here, with the landslides that were found.")
        return
    html.blank("", "Drawing the picture ...")
    image, dem = _seen(project, run), next(iter(project.of("dem")), None)
    try:
        made = picture(project.path(image), project.folder / "derived", outlines=_outlines(run),
                       dem=project.path(dem) if dem else None, bands=dict(image.bands) or None)
    except ScarpError as error:
        say(error)
        return
    what = f"{image.title}, with the outlines of landslides" if run else image.title
    html.picture(picture_url(signer(projects_root()), made), what)


def _seen(project: Project, run: Run | None) -> Layer:
    """Return the image that a detection was made from, else the first."""
    name = ((run.about.get("inputs") or {}).get("image") or {}).get("file") if run else None
    images = project.of("image")
    return next((image for image in images if Path(image.path).name == name), images[0])


def _outlines(run: Run | None) -> Path | None:
    path = run.folder / "landslides.gpkg" if run else None
    return path if path and path.is_file() else None


def _figures(run: Run) -> None:
    table = table_of(run)
    if table is not None and not table.empty:
        html.figures({"Landslides": f"{len(table):,}", "Total area": size(table["area_m2"].sum()),
                      "Largest": size(table["area_m2"].max())})


def _next(project: Project, run: Run | None) -> None:
    """Show the one thing to do next."""
    active = next((job for job in jobs(project.folder / "jobs") if job.active), None)
    if active:
        _follow(active)
        return
    with st.container(key="next"):
        if not project.of("image"):
            nav.link("data" if "data" in nav.PAGES else "detect", "Add an image", ":material/add_photo_alternate:")
        elif run is None:
            nav.link("detect", "Detect landslides", ":material/radar:")
        else:
            nav.link("detect", "Look at the landslides", ":material/map:", run=run.id)


@st.fragment(run_every=2.0)
def _follow(job: Job) -> None:
    """Show a job's progress; when it ends the page is drawn again, with what it made."""
    now = next((each for each in jobs(job.folder.parent) if each.id == job.id), None)
    if now is None or not now.active:
        st.rerun()
    st.progress(now.progress.share, text=f"{now.progress.message or 'Waiting to start'}")
    with st.container(key="next"):
        nav.link("jobs", "Follow the job", ":material/pending_actions:", job=job.id)
