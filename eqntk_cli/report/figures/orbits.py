"""Single samples moved along their orbit, and what the models say about each of the moved copies.

An image is moved as its element's name says: `r90` is a quarter turn against the clock, `m` the left-right mirror,
`r90m` the mirror and then the turn. The ensemble of augmented networks predicts the same for all copies though none
of its members does; a GCNN does by construction.
"""

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eqntk_cli.report.findings import OrbitExample
from eqntk_cli.report.model import PairAnalysis
from eqntk_cli.report.paper.canvas import legend_above, line, new_figure, shown
from eqntk_cli.report.paper.style import INK, look_of

MOST = 3
MOST_ELEMENTS = 8
_ELEMENT = re.compile(r"e|(?:r(\d+))?(m)?")


def draw_orbits(pair: PairAnalysis) -> Figure | None:
    """Up to three samples: the moved images (where stored) above the predictions; None without examples."""
    examples = [example for example in pair.orbit_examples if len(example.elements) > 1][:MOST]
    if not examples:
        return None
    pictures = [moved_images(example) is not None for example in examples]
    count = min(max(len(example.elements) for example in examples), MOST_ELEMENTS)
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
    moved = [moved_image(image, name) for name in example.elements[:MOST_ELEMENTS]]
    return None if any(one is None for one in moved) else [one for one in moved if one is not None]


def moved_image(image: Float[np.ndarray, "height width"], element: str) -> Float[np.ndarray, "height width"] | None:
    """(rho(g) f)(x) = f(g^-1 x) for an element's name (e, r90, m, r90m, ...); None for any other name."""
    found = _ELEMENT.fullmatch(element)
    turn = int(found[1] or 0) if found else 0
    if found is None or turn % 90 or (turn % 180 and image.shape[0] != image.shape[1]):
        return None
    return np.rot90(image[:, ::-1] if found[2] else image, turn // 90)


def _draw_images(axes: Axes, example: OrbitExample) -> None:
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


def _draw_predictions(axes: Axes, example: OrbitExample) -> None:
    elements = example.elements[:MOST_ELEMENTS]
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
