"""How often the verdict is right, and what looking again costs: simulated studies whose truth is known.

Coupled units (member-wise differences) over 30 points and 3 steps are normal with variances that fall like k^(-3/2)
along 30 directions and noise that moves together from step to step. The true distance is a multiple of the margin at
the first step and less at the later ones; it lies along the noisiest direction (the least favourable one) or along a
random one. A study looks at 8, 16, 32 and 64 units, its level of 5 % divided among the four looks, and stops when it
is decided. Beside it a fixed design, which looks once, at 64 units. The statistics are those of the report.

    python experiments/bench_verdict.py [--studies 1000]
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from eqntk_cli.report.paper.canvas import legend_above, line, new_figure, styled, to_bytes
from eqntk_cli.report.paper.style import INK, MUTED, Look
from eqntk_cli.report.statistics import equivalence
from eqntk_cli.report.statistics.distance import DistanceSums
from eqntk_cli.report.statistics.equivalence import draw_noise, upper_bound
from eqntk_cli.report.statistics.maximum import maximum_test
from eqntk_cli.report.statistics.onesample import flipped, signs
from eqntk_cli.report.statistics.simultaneous import lower_bounds

RESULTS = Path(__file__).parent / "results"
POINTS, UNITS, LEVEL, RESAMPLES = 30, (8, 16, 32, 64), 0.05, 399
DISTANCES = {  # in margins, by the direction of the difference
    "random": (0.0, 0.5, 0.7, 0.9, 1.0, 1.1, 1.5, 3.0),
    "noisiest": (0.9, 1.0, 1.1),
}
PROFILE = (1.0, 0.8, 0.5)  # of the true distance over the steps; the margin is 1 at each
SPREAD = 0.85  # RMS of one unit's scatter, in margins
TOGETHER = 0.8  # correlation of the noise of neighbouring steps
WORDS = ("equivalent", "different", "undecided")


def main() -> None:
    """Simulate, and write the table and the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000, help="per true distance and direction")
    parser.add_argument("--draws", type=int, default=3000, help="draws of the noise (20,000 in a report)")
    arguments = parser.parse_args()
    equivalence._DRAWS = arguments.draws  # noqa: SLF001 - quicker; levels stay the same
    rows = [
        row
        for direction, distances in DISTANCES.items()
        for distance in distances
        for row in rates(distance, direction, arguments.studies)
    ]
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / "verdict_calibration.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (RESULTS / "verdict_calibration.svg").write_bytes(figure(rows))


def rates(distance: float, direction: str, studies: int) -> list[dict[str, object]]:
    """Share of each verdict by the end of every look, and for the fixed design."""
    by_design: dict[object, list[str]] = defaultdict(list)
    spent = []
    for number in range(studies):
        verdicts, fixed = study(distance, direction, number)
        for units, word in verdicts.items():
            by_design[units].append(word)
        by_design["fixed"].append(fixed)
        spent.append(next((units for units, word in verdicts.items() if word != "undecided"), UNITS[-1]))
    head = {"true_distance_in_margins": distance, "direction": direction}
    rows = []
    for units, words in by_design.items():
        shares = {word: round(words.count(word) / studies, 4) for word in WORDS}
        mean = UNITS[-1] if units == "fixed" else np.mean(np.minimum(spent, units))
        rows.append(
            {**head, "design": f"one look at {UNITS[-1]}" if units == "fixed" else "looks", "units": units} | shares
        )
        rows[-1] |= {"mean_units_spent": round(float(mean), 2), "studies": studies}
        print(rows[-1], flush=True)  # noqa: T201
    return rows


def study(distance: float, direction: str, number: int) -> tuple[dict[int, str], str]:
    """The verdict by the end of every look, a decided study staying decided; and that of one look at all units."""
    generator = np.random.default_rng([number, int(100 * distance), len(direction)])
    loadings, shape = law(direction)
    latent = generator.normal(size=(UNITS[-1], len(loadings)))
    steps = []
    for share in PROFILE:
        steps.append(latent @ loadings + share * distance * shape)
        latent = TOGETHER * latent + np.sqrt(1 - TOGETHER**2) * generator.normal(size=latent.shape)
    verdicts, word = {}, "undecided"
    for units in UNITS:
        if word == "undecided":
            word = verdict([values[:units] for values in steps], LEVEL / len(UNITS), number)
        verdicts[units] = word
    return verdicts, verdict(steps, LEVEL, number)


def law(direction: str) -> tuple[np.ndarray, np.ndarray]:
    """Loadings of the noise (direction, point), and the shape of the difference, of RMS 1."""
    generator = np.random.default_rng(1)
    basis = np.linalg.qr(generator.normal(size=(POINTS, POINTS)))[0]
    spectrum = 1 / np.arange(1.0, POINTS + 1) ** 1.5
    loadings = SPREAD * np.sqrt(POINTS * spectrum / spectrum.sum())[:, None] * basis
    shape = basis[0] if direction == "noisiest" else generator.normal(size=POINTS)
    return loadings, shape / np.sqrt(np.mean(shape**2))


def verdict(steps: list[np.ndarray], level: float, seed: int) -> str:
    """As the report judges, with margin 1 at every step."""
    distances, statistics = [], []
    assignment = signs(len(steps[0]), RESAMPLES, seed)
    for values in steps:
        sums = DistanceSums(len(values), None)
        sums.add(values)
        distances.append(sums.result(len(values), None, 1.0))
        statistics.append(flipped(values, assignment, np.zeros(POINTS))[:, 0])
    if all(upper_bound(distance, draw_noise(distance, seed), level) < 1 for distance in distances):
        return "equivalent"
    statistic = np.stack(statistics)
    if maximum_test(statistic, statistic, level).p_value > level:
        return "undecided"
    beyond = max(lower_bounds(distances, [1.0] * len(steps), level, seed).bounds) > 1
    return "different" if beyond else "undecided"


def figure(rows: list[dict[str, object]]) -> bytes:
    """Probability of each decided verdict against units, one curve per true distance; solid: equivalent."""
    with styled():
        made, (axes,) = new_figure(3.2)
        chosen = [row for row in rows if row["direction"] == "random" and row["design"] == "looks"]
        for at, distance in enumerate(DISTANCES["random"]):
            own = [row for row in chosen if row["true_distance_in_margins"] == distance]
            colour = f"C{at}" if distance != 1 else MUTED
            for word, dashes in (("equivalent", "-"), ("different", "--")):
                shares = [float(str(row[word])) for row in own]
                if max(shares) > 0.005:
                    label = f"{distance:g}, {word}"
                    line(axes, UNITS, shares, Look("", colour, colour, "o"), linestyle=dashes, label=label)
        axes.axhline(LEVEL, color=INK, linewidth=0.6, linestyle=":")
        axes.set(xlabel="units (looks at 8, 16, 32, 64)", ylabel="share of studies", xscale="log", ylim=(0, 1.02))
        axes.set_xticks(UNITS, [str(units) for units in UNITS], minor=False)
        axes.minorticks_off()
        legend_above(made, axes, 3)
        return to_bytes(made, "svg")


if __name__ == "__main__":
    main()
