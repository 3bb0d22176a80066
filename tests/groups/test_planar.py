"""Groups of the plane: axioms, orders, and the rotations that their matrices stand for."""

import numpy as np
import pytest

from tests.cases import PLANAR_GROUPS, planar_group

ORDERS = {"c1": 1, "c2": 2, "c4": 4, "d1": 2, "d2": 4, "d4": 8}


@pytest.mark.parametrize("name", PLANAR_GROUPS)
def test_axioms(name):
    group = planar_group(name)
    product, inverse, elements = group.product, group.inverse, np.arange(group.order)
    assert group.order == ORDERS[name]
    np.testing.assert_array_equal(product[0], elements)
    np.testing.assert_array_equal(product[:, 0], elements)
    np.testing.assert_array_equal(product[elements, inverse], np.zeros(group.order))
    np.testing.assert_array_equal(product[product], product[:, product])
    for row in product:
        assert sorted(row) == list(elements)


def test_d4_does_not_commute():
    product = planar_group("d4").product
    assert (product != product.T).any()


def test_elements_are_named_by_what_they_do():
    group = planar_group("d4")
    assert group.elements[:4] == ("e", "r90", "r180", "r270")
    np.testing.assert_array_equal(group.matrices[group.elements.index("m")], [[1, 0], [0, -1]])
