"""A project's report: what was found, how, how good it is, and what it does not say; in words, maps and as a PDF.

``gather`` collects everything once; each file format only lays it out.
"""

from core.report.content import Accuracy, Landslide, Report, gather
from core.report.pdf import report_pdf

__all__ = ["Accuracy", "Landslide", "Report", "gather", "report_pdf"]
