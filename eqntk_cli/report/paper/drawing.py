"""A figure that can be drawn, with its words, and the files that it becomes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure that can be drawn: where it belongs, its words, and why it may be missing."""

    name: str  # of the file
    section: str  # name of a pair, or of a section of the page
    title: str
    caption: str
    make: "Callable[[], Figure | None]"
    needs: str  # what would have to be there, for the case that nothing can be drawn


@dataclass(frozen=True)
class Rendered:
    """A figure that was drawn."""

    drawing: Drawing
    svg: bytes
    pdf: bytes

    def inline(self, prefix: str) -> str:
        """The drawing as a part of an HTML page; `prefix` keeps its ids apart from those of other figures."""
        from eqntk_cli.report.paper.canvas import inline_svg

        return inline_svg(self.svg, prefix, f"{self.drawing.title}. {self.drawing.caption}")


def render(drawing: Drawing) -> Rendered | None:
    """Draw a figure once, as SVG and as PDF; None where there is nothing to draw."""
    from eqntk_cli.report.paper.canvas import styled, to_bytes

    with styled():
        figure = drawing.make()
        if figure is None:
            return None
        return Rendered(drawing, to_bytes(figure, "svg"), to_bytes(figure, "pdf"))


def file_name(words: str) -> str:
    """The words as the name of a file in the folder of figures and nowhere else."""
    return re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[-120:]
