"""Figures stand in two columns of about equal height, so that no half of the page is void."""

import pytest

from eqntk_cli.report.page.html import balanced


def figures(*heights):
    return [{"name": str(place), "height": height} for place, height in enumerate(heights)]


@pytest.mark.parametrize(
    "heights",
    [(1.3, 1.9, 2.1, 1.6, 2.9, 0.9, 1.5), (1.0, 1.0), (3.0, 1.0, 1.0, 1.0), (0.5,) * 9, (1.0, 2.0, 1.5) * 6],
)
def test_columns_are_as_equal_as_can_be(heights):
    left, right = balanced(figures(*heights))
    difference = abs(sum(one["height"] for one in left) - sum(one["height"] for one in right))
    assert difference <= min(heights) + 1e-9
    assert left[0]["name"] == "0"  # the distance, on which the verdict stands
    for column in (left, right):
        assert [int(one["name"]) for one in column] == sorted(int(one["name"]) for one in column)
    assert len(left) + len(right) == len(heights)


def test_one_figure_has_one_column_and_none_has_none():
    assert [len(column) for column in balanced(figures(1.0))] == [1]
    assert balanced([]) == []
