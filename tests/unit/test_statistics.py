"""Figures of a detection, against numbers worked out by hand."""

import numpy as np
import pytest

from core.errors import InputError
from core.statistics import elevation_classes, ground_shares, size_frequency, slope_classes, summarise


def test_key_figures_by_hand():
    figures = summarise([100, 300, 600], 2e6)
    assert (figures.count, figures.total_m2, figures.largest_m2) == (3, 1000, 600)
    assert figures.per_km2 == 1.5 and figures.share == 0.0005
    assert figures.percentiles_m2 == pytest.approx((140, 300, 540))


def test_without_landslides_or_without_observed_ground_nothing_is_made_up():
    assert summarise([], 1e6).per_km2 == 0 and summarise([], 1e6).percentiles_m2 == ()
    assert summarise([5], None).per_km2 is None and summarise([5], 0).share is None


@pytest.mark.parametrize("areas", [[0], [-1], [np.nan], [np.inf]])
def test_an_area_that_is_none_is_refused(areas):
    with pytest.raises(InputError):
        summarise(areas, 1)


def test_a_decade_has_its_bins_and_an_edge_belongs_to_the_bin_above():
    found = size_frequency([10, 99.9, 100, 1000], bins_per_decade=1)
    assert found.edges_m2 == pytest.approx([10, 100, 1000, 10_000])
    assert found.count.tolist() == [2, 1, 1] and found.at_least.tolist() == [4, 2, 1, 0]
    assert found.density == pytest.approx([2 / 4 / 90, 1 / 4 / 900, 1 / 4 / 9000])


def test_the_density_integrates_to_one_and_follows_a_power_law():
    random = np.random.default_rng(4)
    areas = 100 * (1 - random.random(200_000)) ** (-1 / 1.4)  # Pareto: density falls with area to the power of -2.4
    found = size_frequency(areas)
    assert (found.density * np.diff(found.edges_m2)).sum() == pytest.approx(1)
    many = found.count > 500
    slope = np.polyfit(np.log(found.centres_m2[many]), np.log(found.density[many]), 1)[0]
    assert slope == pytest.approx(-2.4, abs=0.05) and found.rollover_m2 is None


def test_the_rollover_is_where_small_ones_are_missing():
    random = np.random.default_rng(5)
    found = size_frequency(1 / random.gamma(1.4, 1 / 1280.0, 100_000))  # inverse gamma, mode at 1280 / 2.4
    assert found.rollover_m2 == pytest.approx(1280 / 2.4, rel=0.3)


def test_no_areas_have_no_distribution():
    with pytest.raises(InputError):
        size_frequency([])


def test_ground_by_class_by_hand():
    values = np.array([[1, 4, 6, np.nan], [7, 12, 40, 12]])
    landslide = np.array([[0, 1, 1, 1], [0, 1, 0, 0]], bool)
    found = ground_shares(values, landslide, [0, 5, 10, 15])
    assert found.ground == pytest.approx([2 / 7, 2 / 7, 3 / 7])  # 40 counts for the last class
    assert found.landslides == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert found.affected == pytest.approx([1 / 2, 1 / 2, 1 / 3])


def test_ground_without_values_or_landslides():
    assert ground_shares([np.nan], [True], [0, 1]) is None
    found = ground_shares([0.5, 0.6], [False, False], [0, 1, 2])
    assert found.landslides.tolist() == [0, 0] and np.isnan(found.affected[1])


def test_classes_are_round_and_hold_every_value():
    assert slope_classes([0, 3, 33, np.nan]).tolist() == [0, 5, 10, 15, 20, 25, 30, 35]
    assert elevation_classes([np.nan, 1512.0, 1699.9]).tolist() == list(range(1500, 1701, 20))
    edges = elevation_classes([100.0, 100.0])
    assert edges[0] <= 100 < edges[-1]
