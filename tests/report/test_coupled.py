"""Coupled runs are paired only if their members start equal."""

from dataclasses import replace

import pytest
from simulated import World, draw, write_ensemble, write_study

from eqntk_cli.errors import DataError
from eqntk_cli.report.analysis import analyse

WORLD = World(n_train=2, n_test=6, n_ood=1, steps=(0, 10))


def test_members_that_start_elsewhere_are_refused_though_the_records_call_them_coupled(tmp_path):
    study = write_study(tmp_path, WORLD, members=4, control=False, theory=False, coupled=True)
    write_ensemble(
        study / "gcnn-64",
        WORLD,
        "gcnn_ensemble",
        4,
        coupled=True,
        values=draw(WORLD, "gcnn_ensemble", 4, 64, 1, coupled=True),
    )
    with pytest.raises(DataError, match="do not start equal: sym f_A and f_B at step 0 differ by [12]") as refusal:
        analyse([str(study)], resamples=19)
    assert "augmented-64 and gcnn-64" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("share", "refused"), [(1e-3, False), (5e-2, True)])
def test_rounding_at_the_start_is_allowed_and_more_is_not(tmp_path, share, refused):
    """A share of the function at the start, planted in one of the ensembles, of the size of rounding or beyond it."""
    study = write_study(tmp_path, WORLD, members=4, control=False, theory=False, coupled=True)
    values = draw(WORLD, "gcnn_ensemble", 4, 64, coupled=True) * (1 + share)
    write_ensemble(study / "gcnn-64", WORLD, "gcnn_ensemble", 4, coupled=True, values=values)
    if refused:
        with pytest.raises(DataError, match="rounding .float32. explains 0.01"):
            analyse([str(study)], resamples=19)
    else:
        assert analyse([str(study)], resamples=19).pairs[0].coupled


def test_a_control_of_another_group_need_not_start_equal(tmp_path):
    study = write_study(tmp_path, WORLD, members=4, control=False, theory=False, coupled=True)
    other = replace(WORLD, bias=30.0)
    control = {"role": "control", "control": "other_group", "group": "c2"}
    write_ensemble(study / "control", other, "gcnn_ensemble", 4, coupled=True, **control)
    (pair,) = analyse([str(study)], resamples=19).pairs
    assert [control.control for control in pair.controls] == ["other_group"]


def test_a_run_without_step_zero_cannot_be_checked_and_is_not_refused(tmp_path):
    world = replace(WORLD, steps=(1, 10))
    study = write_study(tmp_path, world, members=4, control=False, theory=False, coupled=True)
    assert analyse([str(study)], resamples=19).pairs[0].coupled
