"""How the report looks: one colour, one marker and one word per model, the same in every figure and table.

The three models take colours of the Okabe-Ito palette, which stay apart for colour-blind readers and in grey
print; controls differ from the models by dashes as well. A figure is drawn once, with these colours. In the HTML
page each of them is replaced by a CSS variable, so that the same drawing reads on a light and on a dark page.
"""

from dataclasses import dataclass
from typing import Any, Final

SINGLE_COLUMN: Final = 3.4  # inches: one column of a two-column journal

INK: Final = "#1a1a1a"  # never pure black: the SVG writer leaves black out, and it could not be replaced
PAPER: Final = "#fefefe"
MUTED: Final = "#6b6b6b"
RULE: Final = "#d8d8d8"


@dataclass(frozen=True)
class Look:
    """How one model or control is drawn, and what it is called."""

    label: str
    light: str
    dark: str
    marker: str
    dashes: str | tuple[float, tuple[float, ...]] = "-"
    hollow: bool = False  # a larger open marker, so that another model shows inside where both agree

    def style(self) -> dict[str, Any]:
        """Keyword arguments of a line or of error bars."""
        size = {"markersize": 5.0, "markerfacecolor": "none"} if self.hollow else {}
        return {"color": self.light, "marker": self.marker, "linestyle": self.dashes, "label": self.label} | size


MODELS: Final[dict[str, Look]] = {
    "gcnn_ensemble": Look("GCNN", "#0072b2", "#56b4f9", "s", hollow=True),
    "augmented_ensemble": Look("augmented", "#d55e00", "#ff9450", "o"),
    "ntk": Look("kernel", "#009e73", "#35d3a3", "D", (0, (3, 1.2))),
}
CONTROLS: Final[dict[str, Look]] = {
    "no_augmentation": Look("no augmentation", "#a8347a", "#f08cc8", "v", (0, (4, 1.5))),
    "other_group": Look("other group", "#8a6a00", "#e8c14a", "^", (0, (2, 1))),
    "other_step_size": Look("other step size", "#4b3f9e", "#b0a6ff", "P", (0, (5, 1, 1, 1))),
}
UNKNOWN: Final = Look("other", "#6a6a6a", "#b5b5b5", "x", ":")

RC: Final[dict[str, Any]] = {
    "font.family": ["DejaVu Sans", "sans-serif"],  # the first comes with matplotlib: the same lay-out everywhere
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "savefig.dpi": 300,  # of images within vector graphics
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 6.8,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.borderaxespad": 0.3,
    "legend.labelspacing": 0.35,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.4,
    "errorbar.capsize": 1.8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.linewidth": 0.4,
    "grid.color": RULE,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.transparent": True,
    "pdf.fonttype": 42,  # TrueType outlines: journals refuse Type 3
    "ps.fonttype": 42,
    "svg.fonttype": "none",  # text stays text: it can be searched, copied and read aloud
    "svg.hashsalt": "eqntk",  # the same numbers give the same file
    "mathtext.fontset": "dejavusans",
}


def look_of(name: str | None) -> Look:
    """The look of a model or of a control by its name in the run record; a grey one for an unknown name."""
    return MODELS.get(name or "") or CONTROLS.get(name or "") or UNKNOWN


def css_variables() -> dict[str, tuple[str, str, str]]:
    """CSS variable by colour of the drawing: {hex drawn: (variable, light, dark)}; ink is the page's own colour."""
    table = {look.light: (f"--{name}", look.light, look.dark) for name, look in (MODELS | CONTROLS).items()}
    table[UNKNOWN.light] = ("--other", UNKNOWN.light, UNKNOWN.dark)
    table[MUTED] = ("--muted", "#5c5c5c", "#a9a9a9")
    table[RULE] = ("--rule", "#dddddd", "#3a3d42")
    table[PAPER] = ("--paper", "#ffffff", "#15171a")
    return table
