"""The top of the overview: a picture of the newest detection, what the project is, and what to do next."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.downloads import picture_url
from core.jobs import Job, jobs
from core.layers import Layer
from core.picture import Picture
from core.project import Project, Run
from core.tokens import signer
from ui import html, nav
from ui.outlines import size, table_of
from ui.place import place_of
from ui.projects_panel import menu
from ui.settings import projects_root
from ui.words import errors_in_words


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
    """Show the picture. It is made in the background when that is due, so that the page need not wait for it."""
    if not project.of("image"):
        html.blank("No image yet", "Its picture will be here, with the landslides that were found.")
        return
    image, dem = _seen(project, run), next(iter(project.of("dem")), None)
    what = f"{image.title}, with the outlines of landslides" if run else image.title
    with errors_in_words():
        wanted = Picture(project.path(image), project.folder / "derived", _outlines(run),
                         project.path(dem) if dem else None, image.bands)
        if wanted.path.is_file():
            html.picture(picture_url(signer(projects_root()), wanted.path), what)
        else:
            _wait_for(_painter().submit(wanted.make))


@st.fragment(run_every=1.0)
def _wait_for(made: Future[Path]) -> None:
    """Say that the picture is coming; when it is there the page is drawn again, with it."""
    if not made.done():
        html.blank("", "Drawing the picture ...")
        return
    with errors_in_words():
        made.result()
        st.rerun()


@st.cache_resource(show_spinner=False)
def _painter() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "picture")


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
            nav.link("detect", "Look at the landslides", ":material/map:", run=run.id,
                     panel="Landslides")


@st.fragment(run_every=2.0)
def _follow(job: Job) -> None:
    """Show a job's progress; when it ends the page is drawn again, with what it made."""
    now = next((each for each in jobs(job.folder.parent) if each.id == job.id), None)
    if now is None or not now.active:
        st.rerun()
    st.progress(now.progress.share, text=f"{now.progress.message or 'Waiting to start'}")
    with st.container(key="next"):
        nav.link("jobs", "Follow the job", ":material/pending_actions:", job=job.id)
