"""Units: the independent draws in the predictions of an ensemble, which are what every test resamples.

Antithetic members 2k and 2k+1 share all weights up to the sign of the read-out: they are not independent, their pairs
are. With f, f' the members of a pair,

    unit = (f + f') / 2,      half = (f - f') / 2.

The mean over units is the mean over members, and the variance of that mean is the variance over units divided by their
number, which says nothing of a single member. Exchanging f and f' leaves the law as it is, so that half has mean zero
and single members have

    Var f = Var unit + E half^2.

Without antithetic members each member is a unit and there are no halves.
"""

import numpy as np
from jaxtyping import Float

from eqntk_cli.runs.record import Record


def members_per_unit(record: Record) -> int:
    """How many members make one independent draw: 2 for antithetic members, else 1."""
    return 2 if record.antithetic else 1


def units(values: Float[np.ndarray, "member ..."], record: Record) -> Float[np.ndarray, "unit ..."]:
    """The independent draws: the means of pairs of antithetic members, else the members themselves.

    Args:
        values: predictions of members, in order and without splitting a pair.
        record: of their run.
    """
    if not record.antithetic:
        return values
    assert len(values) % 2 == 0, "blocks of members never split a pair"
    return (values[0::2] + values[1::2]) / 2


def halves(values: Float[np.ndarray, "member ..."], record: Record) -> Float[np.ndarray, "unit ..."] | None:
    """Half the differences inside the pairs of antithetic members; None where members are independent."""
    return (values[0::2] - values[1::2]) / 2 if record.antithetic else None
