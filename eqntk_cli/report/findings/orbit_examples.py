"""Single samples moved along their orbit, and what the models say about each of the moved copies.

An image is moved as its element's name says: `r90` is a quarter turn against the clock, `m` the left-right mirror,
`r90m` the mirror and then the turn. The ensemble of augmented networks predicts the same for all copies though none
of its members does; a GCNN does by construction. The samples are the first ones, never chosen by what they show.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from eqntk_cli.report.findings.base import Counts, Series, series
from eqntk_cli.report.findings.scope import PairCase, PairFinding, Picture
from eqntk_cli.report.model import PairAnalysis
from eqntk_cli.report.paper.style import INK, look_of
from eqntk_cli.report.read.reduce import Reduced

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_KEPT = {"test": 4, "ood": 2}
_MOST = 3
_MOST_ELEMENTS = 8
_ELEMENT = re.compile(r"e|(?:r(\d+))?(m)?")


@dataclass(frozen=True)
class OrbitExample(PairFinding):
    """Predictions of the ensemble means along the orbit of one sample, at the last step."""

    KEY = "orbit_examples"
    PICTURE = Picture(
        "orbits",
        "Samples on their orbit",
        "Samples moved along their orbit and the prediction for each copy at the last step.",
        "predictions on moved samples",
    )

    sample: int
    split: str
    label: Counts | None
    outputs: tuple[str, ...]
    elements: tuple[str, ...]
    augmented: tuple[Series, ...]  # (element, output)
    augmented_member: tuple[Series, ...]  # the first member alone, which is not invariant
    gcnn: Series  # (output), the same for every element by construction
    image: tuple[Series, ...] | None  # (height, width) grey values where the run stored them

    @classmethod
    def measure(cls, case: PairCase) -> Iterator["OrbitExample"]:
        """The first samples after the last step; images where the run kept them."""
        augmented, gcnn, run, labels = case.a, case.b, case.a.run, case.a.run.label
        places = [(split, place) for split, count in _KEPT.items() for place in augmented.places(split)[:count]]
        for split, place in places if len(run.elements) > 1 else ():
            unknown = labels is None or np.any(labels[place] < 0)
            yield cls(
                sample=int(place),
                split=split,
                label=None if unknown or labels is None else tuple(int(label) for label in labels[place]),
                outputs=run.outputs,
                elements=run.elements,
                augmented=tuple(series(row) for row in augmented.orbit_mean[-1, :, place]),
                augmented_member=tuple(series(row) for row in augmented.first_orbit[:, place]),
                gcnn=series(gcnn.mean[-1, place]),
                image=_image(augmented, int(place)),
            )

    @classmethod
    def caption(cls, pair: PairAnalysis) -> str:
        """Also says why no images are shown."""
        examples = pair.of(cls)
        bare = examples and all(moved_images(example) is None for example in examples)
        words = " The runs hold no images of them (or the group is no set of turns and mirrors), so none are shown."
        return super().caption(pair) + (words if bare else "")

    @classmethod
    def draw(cls, pair: PairAnalysis) -> "Figure | None":
        """Up to three samples: the moved images (where stored) above the predictions; None without examples."""
        from eqntk_cli.report.paper.canvas import legend_above, new_figure

        examples = [example for example in pair.of(cls) if len(example.elements) > 1][:_MOST]
        if not examples:
            return None
        pictures = [moved_images(example) is not None for example in examples]
        count = min(max(len(example.elements) for example in examples), _MOST_ELEMENTS)
        heights = [part for drawn in pictures for part in ((3.1 / count, 1.0) if drawn else (1.0,))]
        figure, axes = new_figure(sum(heights) + 0.25 * len(examples) + 0.55, len(heights), height_ratios=heights)
        row = 0
        for example, drawn in zip(examples, pictures, strict=True):
            if drawn:
                _draw_images(axes[row], example)
                row += 1
            _draw_predictions(axes[row], example)
            row += 1
        axes[-1].set_xlabel("the sample moved by")
        legend_above(figure, axes[1 if pictures[0] else 0], 3)
        return figure


def moved_images(example: OrbitExample) -> list[Float[np.ndarray, "height width"]] | None:
    """The image moved by each element; None without an image, or for elements that are no turns and mirrors."""
    if example.image is None:
        return None
    image = np.array(example.image, dtype=float)
    moved = [moved_image(image, name) for name in example.elements[:_MOST_ELEMENTS]]
    return None if any(one is None for one in moved) else [one for one in moved if one is not None]


def moved_image(image: Float[np.ndarray, "height width"], element: str) -> Float[np.ndarray, "height width"] | None:
    """(rho(g) f)(x) = f(g^-1 x) for an element's name (e, r90, m, r90m, ...); None for any other name."""
    match = _ELEMENT.fullmatch(element)
    turn = int(match[1] or 0) if match else 0
    if match is None or turn % 90 or (turn % 180 and image.shape[0] != image.shape[1]):
        return None
    return np.rot90(image[:, ::-1] if match[2] else image, turn // 90)


def _draw_images(axes: "Axes", example: OrbitExample) -> None:
    images = moved_images(example) or []
    low, high = float(np.nanmin(images[0])), float(np.nanmax(images[0]))
    for at, image in enumerate(images):
        tall = 0.45 * image.shape[0] / image.shape[1]
        extent = (at - 0.45, at + 0.45, -tall, tall)
        axes.imshow(image, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="nearest", aspect="auto")
    axes.set(xlim=(-0.5, len(images) - 0.5), ylim=(-0.5, 0.5))
    axes.set_box_aspect(1 / len(images))  # square pixels, each image above its own tick
    axes.set_anchor("S")
    axes.axis("off")


def _draw_predictions(axes: "Axes", example: OrbitExample) -> None:
    from eqntk_cli.report.paper.canvas import line, shown

    elements = example.elements[:_MOST_ELEMENTS]
    output = int(np.nanargmax(np.nan_to_num(example.gcnn, nan=-np.inf)))
    place = np.arange(len(elements))
    augmented, gcnn = look_of("augmented_ensemble"), look_of("gcnn_ensemble")
    member = _column(example.augmented_member, output)[: len(place)]
    line(
        axes, place, member, augmented, marker="", linewidth=0.9, alpha=0.7, label="one augmented member", linestyle=":"
    )
    line(axes, place, [example.gcnn[output]] * len(place), gcnn)
    line(axes, place, _column(example.augmented, output)[: len(place)], augmented)
    axes.set_xticks(place, [shown(name, 8) for name in elements])
    axes.set_xlim(-0.5, len(place) - 0.5)
    title = axes.set_title(
        shown(f"{example.split} sample {example.sample}, output {example.outputs[output]}"), fontsize=6.8
    )
    title.set(parse_math=False, fontweight="normal", color=INK)
    axes.set_ylabel("prediction")


def _column(rows: Sequence[Sequence[float]], output: int) -> list[float]:
    return [row[output] for row in rows]


def _image(reduced: Reduced, place: int) -> tuple[tuple[float, ...], ...] | None:
    """Grey values of the input, if the run kept it and it is an image."""
    data = reduced.run.data
    if "input" not in data.data_vars or data["input"].ndim != 4 or place not in data["shown"].values:
        return None
    image = np.asarray(data["input"][int(np.flatnonzero(data["shown"].values == place)[0])].values)
    return tuple(series(row) for row in image.mean(axis=2))
