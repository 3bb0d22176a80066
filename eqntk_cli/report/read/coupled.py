"""Coupled ensembles: which members they share, and whether these do start from the same function.

Member m of both ensembles is drawn from the same random stream, so that the group network at the start is the orbit
mean of the plain one, f_B,0 = sym f_A,0 with (sym f)(x) = E_g f(g x). The paired analysis rests on it; a run whose
weights were drawn otherwise (other precision, other version of a library) would be paired with strangers.
"""

import numpy as np
from jaxtyping import Float

from eqntk_cli.errors import DataError
from eqntk_cli.report.read.reduce import IDENTITY, SYMMETRISED, Reduced
from eqntk_cli.report.read.runs import Run
from eqntk_cli.report.statistics.samples import Sample, point_blocks

# of the RMS at the start. An accelerator may round the factors of products in single precision to ten bits
# (2^-10 = 0.001), and units are kept in single precision; members that have nothing in common are at 1.4.
_ALLOWED = {"float32": 1e-2, "float64": 1e-5}


def common_members(a: Run, b: Run) -> tuple[int, ...]:
    """The members that are complete in both runs."""
    return tuple(sorted(set(a.record.done_members()) & set(b.record.done_members())))


def require_equal_starts(a: Reduced, b: Reduced) -> None:
    """Refuse coupled ensembles whose members do not start equal.

    Centred training starts every member at zero, and without step 0 on record nothing can be said; neither is refused.

    Args:
        a: the augmented ensemble, with units of its orbit means.
        b: the group ensemble, with the same members.

    Raises:
        DataError: RMS(sym f_A,0 - f_B,0) over members and points is beyond rounding.
    """
    if a.run.steps[0] != 0 or ("test", SYMMETRISED) not in a.samples:
        return
    apart = _relative_distance(a.samples["test", SYMMETRISED], b.samples["test", IDENTITY])
    allowed = max(_ALLOWED[reduced.run.record.precision] for reduced in (a, b))
    if apart > allowed:
        raise DataError(
            f"{a.run.name} and {b.run.name} are recorded as coupled, but their members do not start equal: sym f_A and "
            f"f_B at step 0 differ by {apart:.2g} of their RMS, where rounding ({a.run.record.precision}) explains "
            f"{allowed:g}. Make both again with one version of eqntk on one kind of machine, or use "
            "coupling=independent."
        )


def _relative_distance(a: Sample, b: Sample) -> float:
    """RMS(a - b) / RMS of both at the first recorded step, over units and points; 0 where both are zero."""
    apart = size = 0.0
    for start, stop in point_blocks(a.points):
        one, other = (_members(sample, start, stop) for sample in (a, b))
        apart += float(np.sum((one - other) ** 2))
        size += float(np.sum(one**2) + np.sum(other**2)) / 2
    return float(np.sqrt(apart / size)) if size > 0 else 0.0


def _members(sample: Sample, start: int, stop: int) -> Float[np.ndarray, "row point"]:
    """Units at the first step, and the halves of antithetic pairs, in which all of f_0 is."""
    rows = [sample.slab(0, start, stop), sample.half(0, start, stop)]
    return np.concatenate([row.astype(np.float64) for row in rows if row is not None])
