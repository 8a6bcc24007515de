"""Jobs that a page waits for: shown while they run; when one ends the page is drawn again, with what it made."""

from collections.abc import Sequence

import streamlit as st

from core.jobs import ACTIVE, Job, jobs, read
from core.project import Project
from ui.job_card import job_card


def follow(project: Project, kinds: Sequence[str], forget: str = "") -> None:
    """Show a project's active jobs of some kinds, the oldest first.

    Args:
        project: Whose.
        kinds: Of jobs.
        forget: Key of the session that is taken away when one ends, so that the page turns to what is newest.
    """
    if found := [job for job in reversed(jobs(project.folder / "jobs", *ACTIVE)) if job.kind in kinds]:
        _live(found, forget)


@st.fragment(run_every=1.0)
def _live(shown: list[Job], forget: str) -> None:
    for job in shown:
        now = read(job.folder)
        if not now.active:
            if forget:
                st.session_state.pop(forget, None)
            st.rerun()
        job_card(now)
