import jax.numpy as jnp
import numpy as np
import pytest

from eqntk_cli.config.schema import GroupConfig
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.errors import DataError
from eqntk_cli.groups.registry import get_group
from eqntk_cli.models.augmentation import Orbit
from eqntk_cli.targets.representation import INVARIANT
from eqntk_cli.targets.scale import TargetScale


class SpaceVector:
    """rho_y(R) = R: how a dipole would transform."""

    def moved(self, targets, matrices):
        return jnp.einsum("...gij,sj->sgi" if matrices.ndim == 3 else "sgij,sj->sgi", matrices, targets)

    def standard(self, name, unit, targets):
        return TargetScale(name, unit, 0.0, float(np.sqrt(np.mean(targets**2))))


@pytest.mark.parametrize("array", [np.asarray, jnp.asarray])
def test_invariant_targets_are_repeated_and_stay_what_they_are(array):
    targets = array([[1.0, 2.0], [3.0, 4.0]])
    got = INVARIANT.moved(targets, np.zeros((3, 2, 2)))
    assert got.shape == (2, 3, 2)
    assert isinstance(got, type(targets))
    np.testing.assert_array_equal(got[1], [[3.0, 4.0]] * 3)
    per_sample = INVARIANT.moved(targets, np.zeros((2, 5, 3, 3)))
    assert per_sample.shape == (2, 5, 2)


def test_standard_targets_have_mean_0_and_deviation_1():
    raw = np.random.default_rng(0).normal(5, 3, size=(50, 1))
    scale = INVARIANT.standard("gap", "meV", raw)
    encoded = scale.encoded(raw)
    assert (encoded.mean(), encoded.std()) == (pytest.approx(0, abs=1e-14), pytest.approx(1))
    np.testing.assert_allclose(scale.physical(encoded), raw, rtol=1e-14)
    assert INVARIANT.standard("gap", "meV", raw[:1]).scale == 1
    with pytest.raises(DataError, match="gap is the same for all"):
        INVARIANT.standard("gap", "meV", np.ones((3, 1)))


def test_outputs_of_which_one_would_vanish_beside_the_other_are_refused():
    noise = np.random.default_rng(0).normal(size=(50, 2))
    INVARIANT.standard("y0", "", noise * [1, 3])
    for unlike in (noise * [1, 100], noise + [0, 1000]):
        with pytest.raises(DataError, match="share one scale"):
            INVARIANT.standard("y0", "", unlike)


def test_a_bundle_says_how_the_targets_of_augmented_samples_transform():
    """The copies g x_i are trained on rho_y(g) y_i, whatever rho_y is."""
    group = get_group(GroupConfig("c4"))
    y = jnp.asarray(np.random.default_rng(1).normal(size=(3, 2)))
    copies = Orbit(group, PixelGrid(4, 4, 1), SpaceVector()).targets(y)
    matrices = np.asarray(group.matrices)
    for sample in range(3):
        for element in range(4):
            np.testing.assert_allclose(copies[4 * sample + element], matrices[element] @ y[sample], rtol=1e-6)
    np.testing.assert_array_equal(Orbit(group, PixelGrid(4, 4, 1)).targets(y), jnp.repeat(y, 4, axis=0))


def test_a_record_leads_back_to_the_scale():
    scale = TargetScale("gap", "meV", 3.0, 0.5)
    assert TargetScale.of({"name": "gap", "unit": "meV", "mean": 3.0, "scale": 0.5}) == scale
    assert TargetScale.of(None) == TargetScale("target")
    assert scale.difference(np.array(2.0)) == 1.0
