"""Figures that others have published, to be shown beside one's own and never as one's own.

Xia, Chen, Liu, Ma, Liu: Landslide Extraction from High-Resolution Remote Sensing Imagery Using Fully Convolutional
Spectral-Topographic Fusion Network. Remote Sensing 13(24), 5116, 2021, doi:10.3390/rs13245116, CC BY 4.0.
"""

from __future__ import annotations

from dataclasses import dataclass

CITATION = ("Xia, W.; Chen, J.; Liu, J.; Ma, C.; Liu, W. Landslide Extraction from High-Resolution Remote Sensing "
            "Imagery Using Fully Convolutional Spectral-Topographic Fusion Network. Remote Sensing 2021, 13(24), 5116. "
            "https://doi.org/10.3390/rs13245116 (CC BY 4.0)")


@dataclass(frozen=True)
class Table:
    """A published table.

    Attributes:
        number: In the paper.
        title: What it is about.
        data: What its figures were measured on.
        columns: Heads of the figures.
        rows: A method and its figures each.
        note: What to know when reading it.
    """

    number: int
    title: str
    data: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]
    note: str = ""


_CLASSES = ("Bare land", "Vegetation", "Water", "Building", "Road", "Landslide", "Average recall", "Average F1", "OA")
_NOTE = ("Which score the columns of the classes are the paper does not say: it calls them accuracy, and the measures "
         "it names are precision for each class, average recall, F1 and OA.")

TABLES = (
    Table(3, "Six classes by network", "Mangkam, images of 0.3 m", _CLASSES, (
        ("Basic FCN", (0.83, 0.79, 0.72, 0.57, 0.51, 0.69, 0.72, 0.70, 0.77)),
        ("FCN-8s", (0.90, 0.83, 0.80, 0.63, 0.62, 0.79, 0.74, 0.76, 0.81)),
        ("ASPP", (0.87, 0.84, 0.81, 0.71, 0.69, 0.80, 0.82, 0.80, 0.84)),
        ("DeepLab_v3+", (0.91, 0.85, 0.84, 0.78, 0.73, 0.82, 0.85, 0.86, 0.87)),
        ("RAE-D", (0.91, 0.87, 0.85, 0.80, 0.78, 0.83, 0.86, 0.86, 0.88)),
        ("FSTF-Net", (0.90, 0.89, 0.87, 0.81, 0.78, 0.86, 0.87, 0.88, 0.89))),
        _NOTE),
    Table(4, "Landslides as objects", "Mangkam, images of 0.3 m", ("DP", "QP", "OE", "CE"), (
        ("Basic FCN", (0.73, 0.53, 0.26, 0.31)),
        ("FCN-8s", (0.77, 0.67, 0.23, 0.21)),
        ("ASPP", (0.79, 0.70, 0.21, 0.20)),
        ("DeepLab_v3+", (0.80, 0.72, 0.20, 0.18)),
        ("RAE-D", (0.81, 0.71, 0.19, 0.17)),
        ("FSTF-Net", (0.85, 0.76, 0.15, 0.14))),
        "The paper prints the four formulas with one denominator, which does not fit its own figures; the standard "
        "forms that are used here fit them to 0.02 to 0.04. How it matches outlines it does not say."),
    Table(6, "Six classes, transferred without further training", "Jiuzhaigou, after the earthquake of August 2017",
          _CLASSES, (("FSTF-Net", (0.82, 0.88, 0.87, 0.68, 0.64, 0.79, 0.80, 0.79, 0.82)),), _NOTE),
)
