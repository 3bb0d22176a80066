"""The figure of qm9_learning_curve.py: test error against training molecules, with and without symmetry.

    python experiments/qm9_learning_curve_figure.py experiments/results/qm9_learning_curve_u0_atom_none.json

Error bars are standard deviations over draws of the training set; the exponents are of N^(-beta), fitted to the means
over the sizes whose draws are disjoint.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from eqntk_cli.report.paper.canvas import legend_above, log_counts, log_values, new_figure, styled, to_bytes
from eqntk_cli.report.statistics.scaling import power_law

LOOKS = {
    "plain": ("no symmetry", "#d55e00", "o"),
    "octahedral": ("octahedral", "#8a6a00", "^"),
    "icosahedral": ("icosahedral", "#0072b2", "s"),
    "so3": ("SO(3)", "#009e73", "D"),
}


def main() -> None:
    """One panel, written beside the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", type=Path, help="the json file that qm9_learning_curve.py wrote")
    path = parser.parse_args().numbers
    result = json.loads(path.read_text())
    with styled():
        figure, (axes,) = new_figure(2.9)
        for name, curve in result["curves"].items():
            label, colour, marker = LOOKS[name]
            sizes = [int(size) for size in curve]
            draws = np.array([row["mae"] for row in curve.values()])
            mean, spread = draws.mean(axis=1), draws.std(axis=1, ddof=1)
            disjoint = [at for at, size in enumerate(sizes) if draws.shape[1] * size <= result["pool"]]
            error = spread / np.sqrt(draws.shape[1])
            beta, beta_error = power_law(*(np.array(values)[disjoint].tolist() for values in (sizes, mean, error)))
            words = label if beta is None else f"{label}, $N^{{{beta:.2f} \\pm {beta_error:.2f}}}$"
            axes.errorbar(sizes, mean / 1000, yerr=spread / 1000, label=words, color=colour, marker=marker)
        log_counts(axes, sizes, "training molecules N")
        axes.set_ylabel(f"test MAE of {result['target']} (eV)", parse_math=False)
        log_values(axes.yaxis)
        legend_above(figure, axes)
        for form in ("svg", "pdf"):
            path.with_suffix(f".{form}").write_bytes(to_bytes(figure, form))


if __name__ == "__main__":
    main()
