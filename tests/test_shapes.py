"""The check of shapes finds what is wrong, and nothing else."""

import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from jaxtyping import Array, Float, jaxtyped

from eqntk_cli.training.objective import Objective
from tests.shapes import broken_on_purpose, checked


@jaxtyped(typechecker=checked)
def transposed(
    x: Float[Array, "row column"], *, right: bool = True, name: "int" = 0
) -> Float[Array, "column row"] | None:
    del name
    return x.T if right else x


def test_a_shape_that_was_not_promised_is_found():
    wide = jnp.zeros((2, 3))
    assert transposed(wide).shape == (3, 2)
    with pytest.raises(jaxtyping.TypeCheckError, match="return value"):
        transposed(wide, right=False)
    with pytest.raises(jaxtyping.TypeCheckError, match="x"):
        transposed(jnp.zeros(3))
    with pytest.raises(jaxtyping.TypeCheckError, match="x"):
        transposed(jnp.zeros((2, 3), int))
    with broken_on_purpose():
        assert transposed(wide, right=False).shape == (2, 3)


def test_only_arrays_are_checked_and_of_every_library():
    assert transposed(np.zeros((2, 3)), name="no integer").shape == (3, 2)


def test_the_package_is_checked():
    with pytest.raises(jaxtyping.TypeCheckError, match="output"):
        Objective("mse").prediction(np.zeros((5, 2)), np.zeros((4, 2)))
