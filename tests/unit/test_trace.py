"""Outlines of masks, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely.geometry import box

from core.trace import polygonise


def drawn(*rows):
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def test_a_rectangle_has_four_corners():
    polygon = polygonise(np.ones((3, 7), bool))
    assert polygon.equals(box(0, 0, 7, 3)) and len(polygon.exterior.coords) == 5


def test_a_hole_keeps_its_place():
    polygon = polygonise(drawn("####", "#..#", "#..#", "####"))
    assert polygon.equals(box(0, 0, 4, 4).difference(box(1, 1, 3, 3))) and len(polygon.interiors) == 1


@pytest.mark.parametrize("turn", range(4))
def test_a_hole_that_touches_the_outside_by_a_corner_is_a_hole(turn):
    mask = np.rot90(drawn("####", "#.##", "##..", "####"), turn)
    polygon = polygonise(mask)
    assert polygon.is_valid and polygon.geom_type == "Polygon" and polygon.area == 13
    assert [shapely.Polygon(hole).area for hole in polygon.interiors] == [1]


def test_holes_in_a_chain_of_corners_are_one_each():
    polygon = polygonise(drawn("#####", "#.###", "##.##", "###.#", "#####"))
    assert polygon.is_valid and polygon.area == 22 and len(polygon.interiors) == 3


def test_parts_that_touch_by_a_corner_are_parts():
    polygon = polygonise(drawn("##..", "##..", "..##", "..##"))
    assert polygon.is_valid and sorted(part.area for part in polygon.geoms) == [4, 4]


def test_a_part_in_a_hole_does_not_take_the_hole():
    polygon = polygonise(drawn("#######", "#.....#", "#.###.#", "#.#.#.#", "#.###.#", "#.....#", "#######"))
    assert polygon.is_valid and sorted(part.area for part in polygon.geoms) == [8, 24]
    assert [len(part.interiors) for part in polygon.geoms] == [1, 1]


def test_a_hole_is_its_own_parts_whatever_the_order_of_sizes():
    polygon = polygonise(drawn("##.....", "##.####", "...#..#", "...#..#", "...####"))
    assert polygon.is_valid and [(part.area, len(part.interiors)) for part in polygon.geoms] == [(4, 0), (12, 1)]


def test_a_mask_that_is_not_contiguous_is_read_right():
    mask = np.zeros((8, 12), bool)
    mask[2:4, 4:10] = True
    assert polygonise(mask.T[::2]).equals(box(2, 2, 4, 5))
