"""The jobs of this project: what runs, what ended and how."""

import streamlit as st

from core.jobs import jobs
from core.project import Project
from ui import html, state
from ui.empty import no_project
from ui.job_card import job_card, live_job
from ui.settings import ROOT


def jobs_page(project: Project) -> None:
    """Show every job, the active ones live."""
    html.title("Jobs", project.name, "A job goes on when this page is closed, and when the server stops.")
    found = jobs(project.folder / "jobs")
    if not found:
        html.empty("No jobs yet", "A detection that is started on the map is listed here, with its progress.")
        st.page_link(ROOT / "pages" / "detect.py", label="Open the map", icon=":material/map:")
    for job in found:
        if job.active:
            live_job(job)
        else:
            job_card(job)
        with st.expander("Log"):
            st.code(job.log_tail(200) or "Nothing was printed.", language=None)


current = state.current_project()
if current is None:
    no_project(None)
else:
    jobs_page(current)
