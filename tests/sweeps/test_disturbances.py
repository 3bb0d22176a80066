"""A run that four tasks share ends like that of one process, though three of the four are disturbed."""

import pytest

from tests.sweeps.disturbances import ENSEMBLE, GRAM, disturbed


@pytest.mark.slow
@pytest.mark.parametrize("case", [ENSEMBLE, GRAM], ids=lambda case: case.unit)
def test_one_task_killed_one_preempted_and_one_out_of_time(slurm, tmp_path, case):
    """SIGKILL, a job of a partition that goes before, and the warning before a time limit, while all are at work."""
    seen = disturbed(slurm, case, tmp_path)
    assert seen.differing == []
    assert seen.files > 10
    assert len({seen.killed, seen.preempted, seen.out_of_time}) == 3
    assert all(kept > 0 for kept in seen.kept.values())
    restarts = [int(end.split()[1]) for end in seen.ends]
    assert [restarts[task] for task in (seen.killed, seen.preempted, seen.out_of_time)] == [0, 1, 1]
