"""Distance of the means of the first m members each: falls like m^(-1/2) until the true distance shows."""

import numpy as np
from matplotlib.figure import Figure

from eqntk_cli.report.model import PairAnalysis
from eqntk_cli.report.paper.canvas import legend_above, line, log_counts, log_values, new_figure, positive
from eqntk_cli.report.paper.style import INK, MUTED, Look

_DISTANCE = Look("augmented - GCNN", INK, INK, "o")


def draw_members(pair: PairAnalysis) -> Figure | None:
    """Distance and noise floor against members on log axes; None with fewer than two counts."""
    found = pair.member_scaling
    distance, floor = positive(found.distance), positive(found.floor)
    if len(found.members) < 2 or not np.isfinite(distance).any():
        return None
    figure, (axes,) = new_figure(2.4)
    line(axes, found.members, distance, _DISTANCE, label=f"distance at step {found.step}")
    axes.plot(found.members, floor, color=MUTED, linewidth=3.2, alpha=0.35, label="noise floor")
    start = int(np.flatnonzero(np.isfinite(distance))[0])
    counts = np.array(found.members[start:], dtype=float)
    guide = distance[start] * np.sqrt(counts[0] / counts)
    axes.plot(counts, guide, color=INK, linewidth=0.8, linestyle=":", label="slope $-1/2$")
    axes.set(yscale="log", ylabel="distance of the means, RMS")
    log_values(axes.yaxis)
    log_counts(axes, found.members, "members of each ensemble")
    legend_above(figure, axes, 3)
    return figure
