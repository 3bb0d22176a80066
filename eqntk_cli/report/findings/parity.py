"""Predicted against true values at the last step, in physical units."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from eqntk_cli.report.findings.base import MODEL, SPLIT, UNIT, Series, Sheet, column, series
from eqntk_cli.report.findings.scope import PairCase, PairFinding, Picture
from eqntk_cli.report.model import Analysis, PairAnalysis
from eqntk_cli.report.paper.drawing import Drawing
from eqntk_cli.report.paper.style import MUTED, look_of
from eqntk_cli.report.paper.table import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Parity(PairFinding):
    """Predicted against true values at the last step, in physical units (regression only)."""

    KEY = "parities"
    SHEETS = (Sheet("parity", "Predicted and true values", "At the last step, in physical units.", on_page=False),)
    PICTURE = Picture(
        "parity",
        "Predicted and true values",
        "Predicted against true values on unmoved test points at the last step; bars: standard deviation over members.",
        "a regression task",
    )

    model: Annotated[str, MODEL]
    split: Annotated[str, SPLIT]
    quantity: Annotated[str, column("Quantity")]
    unit: Annotated[str, UNIT]
    target: Annotated[Series, column("target", number)]
    prediction: Annotated[Series, column("prediction", number)]
    spread: Annotated[Series, column("spread", number)]  # standard deviation over members

    @classmethod
    def measure(cls, case: PairCase) -> Iterator["Parity"]:
        """Both ensembles after the last step; nothing for a classification."""
        for ensemble in case.ensembles:
            places, scale = ensemble.places("test"), ensemble.run.scale
            target = ensemble.run.target[places]
            known = np.isfinite(target)
            if ensemble.run.task.classifies or not known.any():
                continue
            yield cls(
                model=ensemble.run.record.model,
                split="test",
                quantity=scale.name,
                unit=scale.unit,
                target=series(scale.physical(target)[known]),
                prediction=series(scale.physical(ensemble.mean[-1, places])[known]),
                spread=series(np.sqrt(ensemble.variance[-1, places])[known] * abs(scale.scale)),
            )

    @classmethod
    def drawings(cls, analysis: Analysis) -> Iterator[Drawing]:
        """One figure per pair on a regression; a classification does not miss it."""
        drawn = {pair.name for pair in analysis.pairs if pair.of(cls)}
        yield from (drawing for drawing in super().drawings(analysis) if drawing.section in drawn)

    @classmethod
    def draw(cls, pair: PairAnalysis) -> "Figure | None":
        """Every model on the test points with the spread over members as bars; None for classifiers."""
        from matplotlib.ticker import MaxNLocator

        from eqntk_cli.report.paper.canvas import legend_above, new_figure

        parities = [parity for parity in pair.of(cls) if parity.split == "test"]
        if not parities:
            return None
        figure, (axes,) = new_figure(3.5)
        for parity in parities:
            look = look_of(parity.model)
            spread = np.nan_to_num(np.array(parity.spread, dtype=float))
            bars = look.style() | {"linestyle": "none", "capsize": 0, "elinewidth": 0.4, "alpha": 0.75}
            axes.errorbar(parity.target, parity.prediction, yerr=spread, **bars)
        values = np.concatenate([np.array(parity.target + parity.prediction, dtype=float) for parity in parities])
        values = values[np.isfinite(values)]
        if values.size:
            room = 0.04 * (float(np.ptp(values)) or 1)
            ends = (values.min() - room, values.max() + room)
            axes.plot(ends, ends, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
            axes.set(xlim=ends, ylim=ends)
        name = f"{parities[0].quantity} ({parities[0].unit})" if parities[0].unit else parities[0].quantity
        axes.set_xlabel(f"true {name}", parse_math=False)
        axes.set_ylabel(f"predicted {name}", parse_math=False)
        axes.set_box_aspect(1)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4))  # energies have many digits
        legend_above(figure, axes, 3)
        return figure
