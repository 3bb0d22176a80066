"""Which figures a report has, in which order, and what stands under each of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure

from eqntk_cli.report.figures.distance import draw_distance
from eqntk_cli.report.figures.invariance import draw_invariance
from eqntk_cli.report.figures.learning import draw_kernel_learning
from eqntk_cli.report.figures.members import draw_members
from eqntk_cli.report.figures.metrics import draw_learning, draw_metrics
from eqntk_cli.report.figures.orbits import draw_orbits, moved_images
from eqntk_cli.report.figures.parity import draw_parity
from eqntk_cli.report.figures.trajectories import draw_trajectories
from eqntk_cli.report.figures.variance import draw_variance
from eqntk_cli.report.figures.width import draw_extrapolation, draw_width
from eqntk_cli.report.model import Analysis, PairAnalysis
from eqntk_cli.report.paper.canvas import inline_svg, styled, to_bytes

ACROSS = "across"  # section of the figures that belong to no single pair
LEARNING = "learning"  # of those of learning curves of kernels

_DISTANCE = (
    "RMS over the test points of the difference between the two mean predictions{inputs}. Grey: the distance that "
    "equal means would show with this many members. Bars: 95 % interval of the true distance. Dashed: the margin. "
    "Coloured: the controls, which must lie above. Below: the 95 % bound of the true distance in units of the margin; "
    "equivalent where it is below 1 (shaded)."
)
_TRAJECTORIES = (
    "Prediction of single points during training, inputs unmoved. Inner band: mean with two standard errors; outer "
    "band: one standard deviation over members. The means should follow the kernel's mean mu_t; the outer bands need "
    "not agree."
)
_VARIANCE = (
    "Variance over members at the unmoved inputs, measured (markers, one standard error) and predicted by the "
    "infinite-width covariance (lines); below, sample by sample at one step, with the line of equality (not for "
    "centred training, where the limit has no variance). Only the means of the two models agree: their variances "
    "differ, and theory gives both."
)
_INVARIANCE = (
    "Relative orbit deviation of the augmented ensemble: standard deviation over group elements in units of the RMS "
    "prediction. Broad line: what the finite number of members alone would give. Thin: a single member, which is not "
    "invariant. Below (classifiers): share of moved samples that get the class of the unmoved one."
)
_ORBITS = "Samples moved along their orbit and the prediction for each copy at the last step."
_AT_ORBITS = ", coupled: of the augmented ensemble's mean over the orbit of each input from the GCNN's prediction"
_METRICS = (
    "Task metric of the mean prediction for the test inputs as they are, not moved by the group{inputs}; bar at the "
    "last step: one standard error over members."
)
_METRICS_AT_ORBITS = (
    "; dotted: of the augmented ensemble's mean over the orbit of each input, which the verdict compares"
)
_PARITY = (
    "Predicted against true values on unmoved test points at the last step; bars: standard deviation over members."
)
_MEMBERS = "Distance between the means{inputs} of the first m members of each ensemble: noise falls like m^(-1/2)."
_WIDTH = "Scaling with the width n, noise removed; fitted power law with its standard error, and the expected one."
_EXTRAPOLATION = "Difference of the means extrapolated in 1/n to infinite width, point by point; RMS and noise floor."
_LEARNING = "Metric of the mean prediction at the last step against the number of training samples."
_KERNEL_LEARNING = (
    "Test error of infinitely wide ensembles at the last step against the number N of training samples: mean over "
    "draws of the data with its standard error, and the fitted N^(-beta). The equivariant kernel on N samples and the "
    "plain kernel on their orbits are the same predictor where the network is exactly equivariant; there their points "
    "must coincide."
)


@dataclass(frozen=True)
class Drawing:
    """A figure that can be drawn: where it belongs, its words, and why it may be missing."""

    name: str  # of the file
    section: str  # name of a pair, ACROSS or LEARNING
    title: str
    caption: str
    make: Callable[[], Figure | None]
    needs: str  # what would have to be there, for the case that nothing can be drawn


@dataclass(frozen=True)
class Rendered:
    """A figure that was drawn."""

    drawing: Drawing
    svg: bytes
    pdf: bytes

    def inline(self, prefix: str) -> str:
        """The drawing as a part of an HTML page; `prefix` keeps its ids apart from those of other figures."""
        return inline_svg(self.svg, prefix, f"{self.drawing.title}. {self.drawing.caption}")


def drawings_of(analysis: Analysis) -> list[Drawing]:
    """Every figure that the report may have."""
    errors = {run.run_id: run.invariance_error for run in analysis.runs}
    drawings = [drawing for pair in analysis.pairs for drawing in _of_pair(pair, errors.get(pair.run_b))]
    for at, scaling in enumerate(analysis.scalings, 1):
        title = f"{scaling.title}: {scaling.quantity}"
        make = partial(draw_width, scaling)
        drawings.append(Drawing(f"width-{at}", ACROSS, title, _WIDTH, make, "two widths at which something is seen"))
    for at, found in enumerate(analysis.extrapolations, 1):
        title = f"{found.title}: {found.name}, infinite width"
        make = partial(draw_extrapolation, found)
        drawings.append(Drawing(f"extrapolation-{at}", ACROSS, title, _EXTRAPOLATION, make, "recorded steps after 0"))
    kinds = dict.fromkeys((curve.title, curve.metric, curve.unit) for curve in analysis.learning_curves)
    for at, kind in enumerate(kinds, 1):
        curves = [curve for curve in analysis.learning_curves if (curve.title, curve.metric, curve.unit) == kind]
        make = partial(draw_learning, curves)
        title = f"{kind[0]}: learning curve"
        drawings.append(Drawing(f"learning-{at}", ACROSS, title, _LEARNING, make, "two numbers of training samples"))
    for at, title in enumerate(dict.fromkeys(curve.title for curve in analysis.kernel_curves), 1):
        make = partial(draw_kernel_learning, [curve for curve in analysis.kernel_curves if curve.title == title])
        needs, words = "two numbers of training samples", f"{title}: test error against training samples"
        drawings.append(Drawing(f"kernel-learning-{at}", LEARNING, words, _KERNEL_LEARNING, make, needs))
    return drawings


def render(drawing: Drawing) -> Rendered | None:
    """Draw a figure once, as SVG and as PDF; None where there is nothing to draw."""
    with styled():
        figure = drawing.make()
        if figure is None:
            return None
        return Rendered(drawing, to_bytes(figure, "svg"), to_bytes(figure, "pdf"))


def _of_pair(pair: PairAnalysis, invariance_error: float | None) -> list[Drawing]:
    orbits = _ORBITS
    at_orbits = _AT_ORBITS if pair.coupled else ""
    distance, members = _DISTANCE.format(inputs=at_orbits), _MEMBERS.format(inputs=at_orbits)
    metrics = _METRICS.format(inputs=_METRICS_AT_ORBITS if pair.coupled else "")
    if pair.orbit_examples and all(moved_images(example) is None for example in pair.orbit_examples):
        orbits += " The runs hold no images of them (or the group is no set of turns and mirrors), so none are shown."
    invariance = _INVARIANCE
    if invariance_error is not None:
        invariance += f" The GCNN is invariant by construction; measured: {invariance_error:.1g} of its prediction."
    rows = (
        ("distance", "Distance over training", distance, draw_distance, "recorded steps after 0"),
        ("trajectories", "Single points", _TRAJECTORIES, draw_trajectories, "predictions of single points"),
        ("variance", "Variance over members", _VARIANCE, draw_variance, "an ntk run with covariance=true"),
        ("invariance", "Invariance under the group", invariance, draw_invariance, "predictions on moved samples"),
        ("orbits", "Samples on their orbit", orbits, draw_orbits, "predictions on moved samples"),
        ("members", "Distance against members", members, draw_members, "more members"),
        ("metrics", "Task metrics", metrics, draw_metrics, "labels or targets of the test points"),
        ("parity", "Predicted and true values", _PARITY, draw_parity, "a regression task"),
    )
    return [
        Drawing(_file_name(f"{pair.name}-{name}"), pair.name, title, caption, partial(draw, pair), needs)
        for name, title, caption, draw, needs in rows
        if name != "parity" or pair.parities
    ]


def _file_name(words: str) -> str:
    """The words as the name of a file in the folder of figures and nowhere else."""
    return re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[-120:]
