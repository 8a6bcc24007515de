"""Projects as things: make one, open a zip, rename, copy, download, delete."""

from collections.abc import Callable

import streamlit as st

from core.archive import copy, members, remove, unpack
from core.downloads import archive_url
from core.jobs import jobs
from core.project import Project, change_project, new_project
from core.tokens import signer
from ui import html, nav, state
from ui.demo import demo_button
from ui.settings import projects_root
from ui.words import errors_in_words

UPLOAD_MB = 200
"""A zip goes through the server's memory; a larger one is opened by ``scarp unpack``."""


def others(current: Project) -> None:
    """List the other projects, each with a button to open it and a menu."""
    rest = [each for each in state.projects() if each.id != current.id]
    if not rest:
        html.empty("No other project", "Each place or event is a project of its own.")
    for each in rest:
        with st.container(key=f"row-project-{each.id}", horizontal=True, vertical_alignment="center"):
            html.labelled(each.name, _count(each))
            st.button("Open", key=f"open-{each.id}", on_click=state.choose, args=[each.id])
            menu(each)


def add_projects(*, demo: bool = True) -> None:
    """Offer to make a project, to open one that comes as a zip, or to make the demo."""
    with st.container(key="projects-head", horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader("Projects", anchor=False)
        if demo:
            demo_button("tertiary")
        if st.button("Open a zip", icon=":material/folder_zip:", key="open-zip"):
            _open_zip()
        if st.button("New project", icon=":material/add:", key="new-project"):
            _new()


def menu(project: Project) -> None:
    """Show the menu of what can be done with a project."""
    actions: dict[str, Callable[[Project], None]] = {
        "Rename": _rename, "Copy": _copy, "Download": _download, "Delete": _delete}
    chosen = st.menu_button("More", list(actions), key=f"menu-{project.id}", type="tertiary",
                            help="Rename, copy, download or delete")
    if chosen:
        actions[chosen](project)


def _count(project: Project) -> str:
    runs = len(project.runs())
    return f"{_many(len(project.layers), 'layer')}, {_many(runs, 'detection')}"


def _many(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


@st.dialog("New project")
def _new() -> None:
    with st.form("new-project-form", border=False):
        name = st.text_input("Name", placeholder="Jiuzhaigou, August 2017", max_chars=80)
        event = st.date_input("Day of the event, if there was one", None, min_value="1900-01-01", format="YYYY-MM-DD")
        note = st.text_input("What it is about, in a sentence", max_chars=300)
        if not st.form_submit_button("Make it", type="primary"):
            return
    with errors_in_words():
        made = new_project(projects_root(), name, note=note, event=event.isoformat() if event else "")
        nav.go("data" if "data" in nav.PAGES else "overview", project=made.id)


@st.dialog("Open a zip")
def _open_zip() -> None:
    file = st.file_uploader("A project that was downloaded as a zip", "zip", max_upload_size=UPLOAD_MB)
    html.note(f"Every file in it is checked first. One of more than {UPLOAD_MB} MB is opened in a terminal, by "
              "scarp unpack.")
    if file and st.button("Open it", type="primary"):
        bar = st.progress(0.0, "Checking what is in it")
        with errors_in_words():
            made = unpack(file, projects_root(), lambda share: bar.progress(share, "Unpacking"))
            nav.go("overview", project=made.id)


@st.dialog("Rename")
def _rename(project: Project) -> None:
    name = st.text_input("Name", project.name, max_chars=80)
    if st.button("Rename", type="primary"):
        with errors_in_words():
            change_project(project, name=name, note=project.note, event=project.event)
            st.rerun()


@st.dialog("Copy")
def _copy(project: Project) -> None:
    name = st.text_input("Name of the copy", f"{project.name[:70]} (copy)", max_chars=80)
    html.note("All is copied but jobs: layers, detections, reviews, field packages, finished fine-tunings.")
    if st.button("Copy", type="primary"):
        with errors_in_words(), st.spinner("Copying ..."):
            nav.go("overview", project=copy(project, name).id)


@st.dialog("Download")
def _download(project: Project) -> None:
    html.title(project.id, project.name, f"One zip with its layers, detections, reviews, photos, field packages "
               f"and finished fine-tunings, {_megabytes(project)}. Another Scarp opens it with Open a zip.")
    with errors_in_words():
        html.button("Download", archive_url(signer(projects_root()), project.folder))


@st.dialog("Delete")
def _delete(project: Project) -> None:
    html.title(project.id, project.name, f"{_count(project).capitalize()}, {_megabytes(project)}. They are removed "
               "from this computer for good; a download of it can be opened again.")
    if any(job.active for job in jobs(project.folder / "jobs")):
        html.empty("A job is at work in it", "Cancel it first, on the Jobs page.")
        return
    if st.button("Delete for good", type="primary", icon=":material/delete:"):
        with errors_in_words():
            remove(project)
            st.rerun()


def _megabytes(project: Project) -> str:
    size = sum((project.folder / each).stat().st_size for each in members(project.folder))
    return f"{size / 1e6:,.1f} MB"
