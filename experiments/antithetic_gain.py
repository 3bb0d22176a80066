"""What antithetic members gain: the variance of an ensemble's mean without them over that with them.

    python experiments/antithetic_gain.py --root data/medmnist --out experiments/results

One antithetic ensemble is enough to say both. Each member has the law of an ordinary one, so that M ordinary members
would have a mean of variance s^2 / M with s^2 the variance of single members; the mean over the pairs has v / (M / 2)
with v the variance of pair means. The gain is s^2 / (2 v), averaged over test points before the ratio is taken; errors
are those of a jackknife over pairs. mlp and cnn: BreastMNIST at 14x14 and digits at 8x8 under C4, with squared error
and cross-entropy, not centred; spherical_mlp: molecules of the G2 set under the octahedral group (a regression, so
squared error alone).
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float

from eqntk_cli.config.compose import compose
from eqntk_cli.data.registry import load_data
from eqntk_cli.files.atomic import write_bytes, write_text
from eqntk_cli.models.base import EnsembleModel
from eqntk_cli.models.registry import build_model
from eqntk_cli.report.paper.canvas import legend_above, log_counts, log_values, new_figure, styled, to_bytes
from eqntk_cli.report.paper.style import look_of
from eqntk_cli.report.statistics.samples import member_variance

STEPS = [1, 5, 20]
COMMON = ["training.steps=20", f"training.record_steps={STEPS}".replace(" ", ""), "dataset.n_ood=0"]
CROSS_ENTROPY = ["training.loss=cross_entropy"]
MODELS = ("gcnn_ensemble", "augmented_ensemble")
CASES = {
    "mlp": (["architecture=mlp", "dataset=breastmnist", "dataset.image_size=14"], (64, 128, 256, 512, 1024)),
    "cnn": (["architecture=cnn", "dataset=digits"], (32, 64, 128, 256)),
    "spherical_mlp": (
        ["architecture=spherical_mlp", "architecture.bandlimit=3", "architecture.group_support=identity"]
        + ["dataset=molecules", "group=octahedral"],
        (32, 64, 128, 256),
    ),
}


@dataclass(frozen=True)
class Gain:
    """The gain of one ensemble at every recorded step."""

    architecture: str
    loss: str
    model: str
    width: int
    members: int
    steps: list[int]
    gain: list[float]
    error: list[float]
    noise: list[float]  # standard error of the mean of all members, over the RMS of the mean: with
    noise_without: list[float]  # and of as many ordinary ones


def main() -> None:
    """All cases, one table and one figure."""
    arguments = _arguments()
    rows = []
    for architecture, (words, widths) in CASES.items():
        losses = {"mse": []} if architecture == "spherical_mlp" else {"mse": [], "cross_entropy": CROSS_ENTROPY}
        for loss, more in losses.items():
            for width in (width for width in widths if width <= arguments.widest):
                for model in MODELS:
                    sizes = [f"dataset.n_train={arguments.train}", f"dataset.n_test={arguments.test}"]
                    root = [f"dataset.root={arguments.root}"] if "dataset=breastmnist" in words else []
                    settings = [*words, *more, *COMMON, *sizes, *root, f"model={model}", f"model.width={width}"]
                    rows.append(measured([*settings, f"model.members={arguments.members}"], loss))
                    sys.stderr.write(f"{rows[-1]}\n")
    result = {"rows": [asdict(row) for row in rows], "n_train": arguments.train, "n_test": arguments.test}
    result |= {"jax": jax.__version__}
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_text(arguments.out / "antithetic_gain.json", json.dumps(result, indent=1) + "\n")
    write_text(arguments.out / "antithetic_gain.md", table(rows, arguments.train))
    with styled():
        write_bytes(arguments.out / "antithetic_gain.svg", to_bytes(figure(rows), "svg"))


def measured(settings: list[str], loss: str) -> Gain:
    """The gain of one antithetic ensemble on its test points."""
    config = compose(settings)
    data = load_data(config.dataset, config.architecture)
    model = build_model(config, data)
    assert isinstance(model, EnsembleModel)
    train, test = len(data.train_y), len(data.test_y)
    values = model.run_block(0, config.model.members, _ignore)[:, 1:, 0, train : train + test].astype(np.float64)
    pairs = values.reshape(-1, 2, *values.shape[1:])
    gains = np.array([gain(sample) for sample in (pairs, *_left_out(pairs))])
    count = len(pairs)
    error = np.sqrt((count - 1) / count * np.sum((gains[1:] - gains[1:].mean(axis=0)) ** 2, axis=0))
    rms = np.sqrt(np.mean(values.mean(axis=0) ** 2, axis=(1, 2)))
    noise = np.sqrt(_variance(pairs.mean(axis=1)) / count) / rms
    return Gain(
        config.architecture.name,
        loss,
        config.model.name,
        config.model.width,
        config.model.members,
        list(model.record_steps[1:]),
        *(values.tolist() for values in (gains[0], error, noise, noise * np.sqrt(gains[0]))),
    )


def gain(pairs: Float[np.ndarray, "pair 2 step sample output"]) -> Float[np.ndarray, " step"]:
    """s^2 / (2 v), each averaged over points."""
    members = member_variance(pairs.reshape(-1, *pairs.shape[2:]), 2).mean(axis=(1, 2))
    return members / (2 * _variance(pairs.mean(axis=1)))


def _variance(values: Float[np.ndarray, "draw step sample output"]) -> Float[np.ndarray, " step"]:
    return values.var(axis=0, ddof=1).mean(axis=(1, 2))


def _left_out(pairs: Float[np.ndarray, "pair ..."]) -> list[Float[np.ndarray, "pair ..."]]:
    return [np.delete(pairs, place, axis=0) for place in range(len(pairs))]


def _ignore(share: float) -> None:
    """Nothing is shown of the progress inside an ensemble."""


def table(rows: list[Gain], n_train: int) -> str:
    """One line per ensemble."""
    lines = [
        "# Gain of antithetic members in the variance of the ensemble mean",
        "",
        f"{rows[0].members} members each, {n_train} training samples, not centred; mlp: BreastMNIST at 14x14, cnn: "
        "digits at 8x8, both C4; spherical_mlp: G2 molecules, octahedral, group_support=identity. Variance without "
        "over variance with, mean over test points (standard error, jackknife over pairs); noise: standard error of "
        "the mean over its RMS, without -> with.",
        "",
        "| architecture | loss | model | width | " + " | ".join(f"step {step}" for step in rows[0].steps) + " | noise, "
        f"step {rows[0].steps[0]} | noise, step {rows[0].steps[-1]} |",
        "|" + "---|" * (6 + len(rows[0].steps)),
    ]
    for row in rows:
        gains = [f"{value:.3g} ({error:.2g})" for value, error in zip(row.gain, row.error, strict=True)]
        noise = [f"{100 * row.noise_without[at]:.3g} % -> {100 * row.noise[at]:.2g} %" for at in (0, -1)]
        lines.append(f"| {' | '.join([row.architecture, row.loss, row.model, str(row.width), *gains, *noise])} |")
    return "\n".join(lines) + "\n"


def figure(rows: list[Gain]) -> object:
    """Gain against width, one panel per architecture and loss; the first and the last step of both models."""
    panels = list(dict.fromkeys((row.architecture, row.loss) for row in rows))
    drawn, axes = new_figure(1.7 * len(panels), len(panels))
    for panel, (architecture, loss) in zip(axes, panels, strict=True):
        for model in MODELS:
            own = [row for row in rows if (row.architecture, row.loss, row.model) == (architecture, loss, model)]
            for at, dashes in ((0, "-"), (-1, ":")):
                look, label = look_of(model), f"{look_of(model).label}, step {own[0].steps[at]}"
                style = look.style() | {"linestyle": dashes, "label": label}
                widths = [row.width for row in own]
                values, errors = (np.array([getattr(row, name)[at] for row in own]) for name in ("gain", "error"))
                below = np.minimum(errors, 0.9 * values)  # a bar to zero has no end on a log axis
                panel.errorbar(widths, values, yerr=np.stack([below, errors]), **style)
        log_counts(panel, sorted({row.width for row in own}), "width")
        panel.set(yscale="log", ylabel="gain in variance", title=f"{architecture}, {loss}")
        log_values(panel.yaxis)
    legend_above(drawn, axes[0])
    return drawn


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", required=True, help="folder with the files of MedMNIST")
    parser.add_argument("--out", type=Path, default=Path("experiments/results"), help="folder of table and figure")
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument("--train", type=int, default=16)
    parser.add_argument("--test", type=int, default=8)
    parser.add_argument("--widest", type=int, default=1024)
    return parser.parse_args()


if __name__ == "__main__":
    main()
