"""Predicted against true values at the last step, in physical units."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from eqntk_cli.report.model import PairAnalysis
from eqntk_cli.report.paper.canvas import legend_above, new_figure
from eqntk_cli.report.paper.style import MUTED, look_of


def draw_parity(pair: PairAnalysis) -> Figure | None:
    """Every model on the test points with the spread over members as bars; None for classifiers."""
    found = [parity for parity in pair.parities if parity.split == "test"]
    if not found:
        return None
    figure, (axes,) = new_figure(3.5)
    for parity in found:
        look = look_of(parity.model)
        spread = np.nan_to_num(np.array(parity.spread, dtype=float))
        bars = look.style() | {"linestyle": "none", "capsize": 0, "elinewidth": 0.4, "alpha": 0.75}
        axes.errorbar(parity.target, parity.prediction, yerr=spread, **bars)
    values = np.concatenate([np.array(parity.target + parity.prediction, dtype=float) for parity in found])
    values = values[np.isfinite(values)]
    if values.size:
        room = 0.04 * (float(np.ptp(values)) or 1)
        ends = (values.min() - room, values.max() + room)
        axes.plot(ends, ends, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
        axes.set(xlim=ends, ylim=ends)
    name = f"{found[0].quantity} ({found[0].unit})" if found[0].unit else found[0].quantity
    axes.set_xlabel(f"true {name}", parse_math=False)
    axes.set_ylabel(f"predicted {name}", parse_math=False)
    axes.set_box_aspect(1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))  # energies have many digits
    legend_above(figure, axes, 3)
    return figure
