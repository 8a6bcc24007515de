"""The report page's parts: which detection, the files, and what they will say."""

import pandas as pd
import streamlit as st

from core.project import Project, Run
from core.report import Report, gather, report_pdf
from core.runs import title_of, when
from ui import html, nav, state
from ui.presentation import presentation
from ui.report_html import report_html
from ui.settings import models_root
from ui.words import errors_in_words


def choose_run(project: Project) -> Run | None:
    """Show the head of the page and the choice of the detection; None, and a way on, where there is none."""
    html.title("Report", project.name, "Map, figures, method, accuracy and limits of a detection, in one file that "
               "opens anywhere, without a network.")
    runs = {run.id: run for run in project.runs()}
    run = state.current_run(project)
    if run is None:
        html.empty("Nothing to report yet", "A report tells of a detection. Run one first.")
        nav.link("detect")
        return None
    key = f"report-{run.id}"
    st.selectbox("Detection", list(runs), index=list(runs).index(run.id), width=420, key=key,
                 format_func=lambda each: " · ".join(filter(None, (title_of(runs[each]), when(runs[each])))),
                 on_change=lambda: state.show_run(st.session_state[key]))
    return run


def files(project: Project, run: Run) -> None:
    """Offer the report as HTML and as PDF; each is made when it is asked for."""
    name = f"{project.id}-{run.id}-report"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button("Report as HTML", lambda: report_html(project, run, _report(project, run)).encode(),
                           f"{name}.html", "text/html", icon=":material/public:", type="primary", on_click="ignore",
                           help="With an interactive map. It opens in any browser.")
        st.download_button("Report as PDF", lambda: report_pdf(project, run, _report(project, run)), f"{name}.pdf",
                           "application/pdf", icon=":material/picture_as_pdf:", on_click="ignore",
                           help="A4 pages, with maps to print.")
        nav.link("present", "Present", run=run.id)
        st.download_button("Presentation as HTML", lambda: presentation(project, run, models_root()).encode(),
                           f"{project.id}-{run.id}-presentation.html", "text/html", icon=":material/slideshow:",
                           on_click="ignore", help="The guided tour as a file that opens anywhere.")


def contents(project: Project, run: Run) -> None:
    """Show what the report says, but for its maps and pictures."""
    with errors_in_words():
        report = _report(project, run)
        html.figures(report.figures)
        left, right = st.columns([8, 5], gap="large")
        with left:
            st.subheader("How good it is", anchor=False)
            if report.accuracy:
                st.dataframe(pd.DataFrame([{"Measured on": each.ground, "Measure": each.measure,
                                            "Value, with 95 % interval": each.words} for each in report.accuracy]),
                             hide_index=True, width="stretch")
            else:
                html.empty("Nothing has been measured", "Label random points, or add labels as a reference.")
            if report.since:
                st.subheader(f"What changed since {report.since.first}", anchor=False)
                html.facts(report.since.figures)
                html.note(report.since.note)
            st.subheader("Data", anchor=False)
            st.dataframe(pd.DataFrame(report.sources), hide_index=True, width="stretch")
        with right:
            st.subheader("How it was made", anchor=False)
            for paragraph in report.method:
                html.note(paragraph)
            st.subheader("What it does not say", anchor=False)
            for limit in report.limits:
                html.note(f"– {limit}")


def _report(project: Project, run: Run) -> Report:
    return gather(project, run, models_root())
