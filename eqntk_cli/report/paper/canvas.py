"""The paper on which figures are drawn: sizes, axes, bands, and the way to SVG and PDF.

A figure is made without pyplot and without touching the settings of the process: everything that is drawn and
saved happens inside `styled()`. Words of a user (names of runs and outputs) are never read as formulas.
"""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from eqntk_cli.report.paper.style import INK, RC, SINGLE_COLUMN, Look, css_variables
from eqntk_cli.report.paper.table import printable

Numbers = Sequence[float] | np.ndarray

_NO_DATE = {
    "svg": {"Date": None, "Creator": "eqntk"},
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": "eqntk"},
}
_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_UNNEEDED = re.compile(r'<!--.*?-->\s*|<metadata>.*?</metadata>\s*| xmlns(:\w+)?="[^"]*"', re.DOTALL)
_SIZE = re.compile(r' (width|height)="[\d.]+pt"')
_NAMED = re.compile(r' id="([^"]*)"')
_USED = re.compile(r'(?:href="#|url\(#)([^")]+)')
_IDS = re.compile(r'(\bid="|href="#|url\(#)')


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib's own defaults plus the report's style, whatever the user's matplotlibrc says; undone at the end."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a name in another script
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)  # type: ignore[arg-type]
        yield


def new_figure(
    height: float, rows: int = 1, columns: int = 1, *, width: float = SINGLE_COLUMN, **options: Any
) -> tuple[Figure, list[Axes]]:
    """A figure of `width` x `height` inches with rows x columns axes in reading order; `options` go to subplots."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.flat)


def to_bytes(figure: Figure, form: str) -> bytes:
    """The figure as a file of the given form (svg or pdf), without dates: equal numbers give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, metadata=_NO_DATE[form])
    figure.set_layout_engine("none")  # the lay-out is found; finding it again for the next format takes long
    return buffer.getvalue()


def inline_svg(svg: bytes, prefix: str, description: str) -> str:
    """The SVG for use inside a page: colours become CSS variables, ids get a prefix of their own, the size is free.

    `description` is plain text for screen readers; it is escaped here.
    """
    text = _UNNEEDED.sub("", _PROLOGUE.sub("", svg.decode()))
    used = set(_USED.findall(text))
    for name in set(_NAMED.findall(text)) - used:  # not needed, and the same picture drawn twice would repeat them
        text = text.replace(f' id="{name}"', "")
    text = _IDS.sub(rf"\g<1>{prefix}-", text)
    for colour, (variable, light, _) in css_variables().items():
        text = text.replace(colour, f"var({variable}, {light})")
    text = _SIZE.sub("", text.replace(INK, "currentColor"), count=2)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(shown(description, 1000), quote=True)}"', 1)


def shown(words: str, longest: int = 44) -> str:
    """A user's words fit for a figure: one line, printable, not longer than `longest` characters."""
    line = printable(words)
    return line if len(line) <= longest else line[: longest - 3] + "..."


def steps_axis(axes: Axes, steps: Sequence[int]) -> None:
    """Training steps on a logarithmic axis on which step 0 has a place of its own."""
    if min(steps, default=1) > 0:
        log_steps(axes, steps)
        return
    axes.set_xscale("symlog", linthresh=1, linscale=0.5)
    ticks = [0, *_decades(steps)]
    axes.set_xticks(ticks, [_plain(tick) for tick in ticks])
    axes.set_xlim(-0.25, max(steps) * 1.35 + 0.1)
    axes.minorticks_off()
    axes.set_xlabel("training step")


def log_steps(axes: Axes, steps: Sequence[int]) -> None:
    """Training steps t > 0 on a logarithmic axis."""
    axes.set_xscale("log")
    after = [step for step in steps if step > 0] or [1]
    ticks = _decades(after)
    axes.set_xticks(ticks, [_plain(tick) for tick in ticks])
    axes.set_xlim(min(after) / 1.35, max(after) * 1.35)
    axes.minorticks_off()
    axes.set_xlabel("training step")


def log_counts(axes: Axes, counts: Sequence[int], label: str) -> None:
    """Widths, members or samples on a logarithmic axis with a tick at each count that was used (eight at most)."""
    axes.set_xscale("log")
    ticks = sorted(set(counts))
    ticks = ticks[:: -(-len(ticks) // 8)]
    axes.set_xticks(ticks, [_plain(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(label)


def log_values(axis: Axis) -> None:
    """Values on a logarithmic axis, with ticks at 1, 2, 5 where it spans less than two decades."""
    (axis.axes.set_xscale if axis is axis.axes.xaxis else axis.axes.set_yscale)("log")
    low, high = sorted(axis.get_view_interval())
    short = low > 0 and high / low < 100
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if short else (1,), numticks=8))
    axis.set_major_formatter(FuncFormatter(_value))
    axis.set_minor_formatter(NullFormatter())


def legend_above(figure: Figure, axes: Axes, columns: int = 2) -> None:
    """The legend of some axes above the whole figure, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper left", ncols=columns, columnspacing=1.2)


def line(axes: Axes, x: Numbers, y: Numbers, look: Look, **changes: Any) -> None:
    """One series in the look of its model; `changes` override single properties."""
    axes.plot(x, y, **(look.style() | changes))


def band(axes: Axes, x: Numbers, low: Numbers, high: Numbers, look: Look, alpha: float) -> None:
    """A band in the colour of a model."""
    axes.fill_between(x, low, high, color=look.light, alpha=alpha, linewidth=0)


def positive(series: Sequence[float]) -> Float[np.ndarray, " step"]:
    """The series with everything that a logarithmic axis cannot show made nan."""
    values = np.asarray(series, dtype=float)
    return np.where(values > 0, values, np.nan)


def _decades(steps: Sequence[int]) -> list[int]:
    last, first = max(steps), min(step for step in steps if step > 0) if max(steps) > 0 else 1
    decades = [10**k for k in range(12) if first / 1.35 <= 10**k <= last * 1.35]
    return decades if len(decades) > 1 else sorted({first, max(last, first)})


def _value(tick: float, _position: int | None = None) -> str:
    if 9e-4 < tick < 9e3:
        return f"{tick:g}"
    mantissa, exponent = f"{tick:.0e}".split("e")
    return f"$10^{{{int(exponent)}}}$" if mantissa == "1" else f"${mantissa}{{\\cdot}}10^{{{int(exponent)}}}$"


def _plain(tick: int) -> str:
    exponent = len(str(tick)) - 1
    return f"{tick:d}" if tick < 10_000 or tick != 10**exponent else f"$10^{{{exponent}}}$"
