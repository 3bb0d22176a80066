"""Run folders without training: ensembles drawn from a known Gaussian law, so that the truth of every report is known.

A member of the gcnn ensemble predicts mu_t(x) + s_t * invariant noise, a member of the augmented ensemble the same
plus noise that differs along the orbit; the noise has few independent directions, as real ensembles have. On top
come what a test plants: a bias of order 1/width, a difference of the means, a missing augmentation.
"""

import csv
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from eqntk_cli.runs.record import Block, Record, write_record
from eqntk_cli.runs.store import EnsembleStore, Points, write_kernel_predictions
from eqntk_cli.targets.labels import encode
from eqntk_cli.targets.task import Task

ENCODING = "one_hot_centred"


@dataclass(frozen=True)
class World:
    """The law from which ensembles are drawn."""

    n_train: int = 6
    n_test: int = 20
    n_ood: int = 8
    outputs: tuple[str, ...] = ("benign", "malignant")
    elements: tuple[str, ...] = ("e", "r", "r2", "r3")
    steps: tuple[int, ...] = (0, 1, 3, 10, 30, 100)
    task: str = "multi-class"  # or any other name that targets.task knows
    directions: int = 5  # independent directions of the noise
    spread: float = 0.3  # standard deviation of the invariant noise
    orbit_spread: float = 0.4  # of the noise that differs along the orbit (augmented ensemble only)
    bias: float = 2.0  # both ensembles: mean = mu + bias / width * shape
    unlike: float = 0.0  # augmented - gcnn: difference of the means in units of RMS mu, at every step
    split: float = 3.0  # coupled: RMS of one member's difference is split / sqrt(width)
    common: float = 0.2  # antithetic: share of a member's noise (as a standard deviation) that its pair has in common
    seed: int = 0

    @property
    def samples(self) -> int:
        return self.n_train + self.n_test + self.n_ood

    def points(self) -> Points:
        """Samples in the order train, test, ood with targets, labels and small images."""
        split = ("train",) * self.n_train + ("test",) * self.n_test + ("ood",) * self.n_ood
        generator = np.random.default_rng([self.seed, 1])
        shown = tuple(range(self.n_train, self.n_train + min(3, self.n_test)))
        images = generator.normal(size=(len(shown), 8, 8, 1)).astype(np.float32)
        if self.task == "regression":
            target = generator.normal(size=(self.samples, len(self.outputs)))
            target[self.n_train + self.n_test :] = np.nan
            return Points(self.steps, split, self.outputs, target, None, shown, images)
        task, columns = Task.of(self.task), Task.of(self.task).label_columns(len(self.outputs))
        label = generator.integers(task.label_range(len(self.outputs)).stop, size=(self.samples, columns))
        target, _, _ = encode(label, task, self.outputs, ENCODING)
        target[self.n_train + self.n_test :], label[self.n_train + self.n_test :] = np.nan, -1
        return Points(self.steps, split, self.outputs, target, label, shown, images)

    def encoding(self) -> dict[str, object]:
        """The scale of the class indicators, as a record has it."""
        task = Task.of(self.task)
        _, _, scale = encode(np.zeros((0, task.label_columns(len(self.outputs))), int), task, self.outputs, ENCODING)
        return asdict(scale)

    def mean(self) -> np.ndarray:
        """mu_t (step, sample, output): grows from 0 towards a noisy version of the target."""
        generator = np.random.default_rng([self.seed, 2])
        final = np.nan_to_num(self.points().target)
        final = final + 0.3 * final.std() * generator.normal(size=final.shape)
        return (1 - np.exp(-(np.array(self.steps) + 0.5) / 10))[:, None, None] * final

    def shape(self, number: int) -> np.ndarray:
        """A smooth function over the points (sample, output) of RMS 1."""
        values = np.random.default_rng([self.seed, 3, number]).normal(size=(self.samples, len(self.outputs)))
        return values / np.sqrt(np.mean(values**2))

    def basis(self, number: int) -> np.ndarray:
        """Loadings of the noise (direction, sample): outputs are independent and alike, as in the infinite limit."""
        values = np.random.default_rng([self.seed, 4, number]).normal(size=(self.directions, self.samples))
        return values / np.sqrt(self.directions)

    def growth(self) -> np.ndarray:
        """s_t of the noise (step)."""
        return 1 - 0.3 * (1 - np.exp(-np.array(self.steps) / 30))


def draw(
    world: World,
    model: str,
    members: int,
    width: int,
    seed: int = 0,
    *,
    coupled: bool = False,
    antithetic: bool = False,
) -> np.ndarray:
    """Predictions (member, step, element, sample, output) of one ensemble."""
    outputs, growth = len(world.outputs), world.growth()[:, None, None]
    gcnn = model == "gcnn_ensemble"
    own = np.random.default_rng([seed, 5 if gcnn else 6])
    start = np.random.default_rng([seed, 7]) if coupled else own
    mean = world.mean() + world.bias / width * world.shape(0)
    # coupled members start from the same weights: what tells them apart comes with the first step
    apart_after = np.array([step > 0 or not coupled for step in world.steps])[:, None, None]
    if not gcnn:
        rms = np.sqrt(np.mean(world.mean() ** 2, axis=(1, 2), keepdims=True))
        mean = mean + apart_after * world.unlike * rms * world.shape(1)
    latent = start.normal(size=(members, world.directions, outputs))
    noise = world.spread * np.einsum("mko,ks->mso", latent, world.basis(0))
    invariant = mean + growth * noise[:, None]
    elements = ("e",) if gcnn else world.elements
    result = np.repeat(invariant[:, :, None], len(elements), axis=2)
    if not gcnn:
        for number in range(len(elements)):
            latent = own.normal(size=(members, world.directions, outputs))
            extra = world.orbit_spread * np.einsum("mko,ks->mso", latent, world.basis(1 + number))
            result[:, :, number] += growth * extra[:, None]
        if coupled:
            orbit = result - result.mean(axis=2, keepdims=True)
            apart = own.normal(size=(members, 1, 1, world.samples, outputs)) * world.split / np.sqrt(width)
            result = invariant[:, :, None] + orbit + (apart_after * growth)[:, None] * apart
    if antithetic:  # f, f' = mean + even +- odd; a single member keeps its law
        noise = result - mean[:, None]
        even, odd = world.common * noise[0::2], np.sqrt(1 - world.common**2) * noise[1::2]
        result = mean[:, None] + np.stack([even + odd, even - odd], axis=1).reshape(noise.shape)
    return result.astype(np.float32)


def write_ensemble(
    folder: Path,
    world: World,
    model: str,
    members: int = 24,
    width: int = 64,
    seed: int = 0,
    *,
    coupled: bool = False,
    antithetic: bool = False,
    done: int | None = None,
    block_size: int = 8,
    values: np.ndarray | None = None,
    **record: object,
) -> Path:
    """Write the run folder of an ensemble; `done` members of it, the record changed by `record`."""
    folder.mkdir(parents=True, exist_ok=True)
    if values is None:
        values = draw(world, model, members, width, seed, coupled=coupled, antithetic=antithetic)
    points = world.points()
    elements = world.elements if model == "augmented_ensemble" else ("e",)
    store = EnsembleStore.create(folder, points, elements, members, block_size, "float32")
    layout = [[start, min(start + block_size, members)] for start in range(0, members, block_size)]
    blocks = []
    for start, stop in layout:
        if done is None or stop <= done:
            blocks.append(Block(start, stop, store.write_block(start, values[start:stop]), 1.0))
    base = _record(world, model, width, seed)
    base = replace(base, members=members, blocks=layout, coupling="shared" if coupled else "independent")
    base = replace(base, antithetic=antithetic)
    base = replace(base.with_blocks(blocks), **{"run_id": folder.name, **record})
    write_record(folder, base)
    _write_side_files(folder, world)
    return folder


def write_theory(
    folder: Path,
    world: World,
    kernels: tuple[str, ...] = ("group", "plain"),
    mean: np.ndarray | None = None,
    **record: object,
) -> Path:
    """Write the run folder of the infinite ensemble: kernels "group" and "plain", which share the mean unless given."""
    folder.mkdir(parents=True, exist_ok=True)
    growth = world.growth()[:, None, None] ** 2
    invariant = world.spread**2 * np.einsum("ks,kt->st", world.basis(0), world.basis(0))
    extra = world.orbit_spread**2 * np.einsum("ks,kt->st", world.basis(1), world.basis(1))
    covariance = np.stack([growth * invariant, growth * (invariant + extra)])[: len(kernels)]
    mean = np.stack([world.mean()] * 2) if mean is None else mean
    write_kernel_predictions(folder, world.points(), kernels, mean, covariance)
    base = replace(_record(world, "ntk", None, 0), kernel={"condition_number": 120.0, "lambda_max": 9.0})
    write_record(folder, replace(base, **{"run_id": folder.name, **record}))
    _write_side_files(folder, world)
    return folder


def write_study(
    root: Path,
    world: World | None = None,
    *,
    widths: tuple[int, ...] = (64,),
    members: int = 24,
    theory: bool = True,
    control: bool = True,
    coupled: bool = False,
) -> Path:
    """Write a folder of runs: a pair per width, the infinite ensemble, and a control without augmentation."""
    world = world or World()
    for width in widths:
        write_ensemble(root / f"gcnn-{width}", world, "gcnn_ensemble", members, width, coupled=coupled)
        write_ensemble(root / f"augmented-{width}", world, "augmented_ensemble", members, width, coupled=coupled)
        if control:
            write_control(root / f"control-{width}", world, members, width, coupled=coupled)
    if theory:
        write_theory(root / "ntk", world)
    return root


def write_control(folder: Path, world: World, members: int, width: int, *, coupled: bool = False) -> Path:
    """Write a plain ensemble without augmentation, whose mean is elsewhere."""
    return write_ensemble(
        folder,
        replace(world, unlike=world.unlike + 0.8),
        "augmented_ensemble",
        members,
        width,
        coupled=coupled,
        role="control",
        control="no_augmentation",
        augmentation="none",
    )


def _record(world: World, model: str, width: int | None, seed: int) -> Record:
    augmentation = {"augmented_ensemble": "orbit"}.get(model)
    regression = world.task == "regression"
    return Record(
        run_id="",
        state="done",
        role="subject",
        control=None,
        coupling="independent",
        model=model,
        augmentation=augmentation,
        group="c4",
        dataset="qm9" if regression else "breastmnist",
        architecture={"name": "mlp", "hidden_layers": 2, "activation": "relu", "group_support": "identity"},
        training={"optimizer": "gd", "loss": "mse", "centred": False, "steps": world.steps[-1], "step_size": "auto"},
        seed=seed,
        precision="float32",
        started="2026-11-21T10:00:00+00:00",
        width=width,
        fingerprint={"train": "aa" * 32, "test": "bb" * 32, "ood": "cc" * 32, "all": f"{world.seed:02x}" * 32},
        task=world.task,
        target={"name": "u0", "unit": "meV", "mean": 10.0, "scale": 200.0} if regression else world.encoding(),
        step_size=0.5,
        stability_limit=1.0,
        record_steps=list(world.steps),
        invariance_error=3e-7 if model == "gcnn_ensemble" else None,
        versions={"eqntk": "0.1", "jax": "0.10.2"},
        git_commit="0123456789abcdef",
        devices=["cpu:0"],
        host="machine",
        command=f"eqntk train model={model}",
        stopped="2026-11-21T10:05:00+00:00",
        seconds=300.0,
        peak_memory_bytes=500_000_000,
    )


def _write_side_files(folder: Path, world: World) -> None:
    (folder / "config.yaml").write_text("seed: 0\n", encoding="utf-8")
    with (folder / "metrics.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "split", "loss"])
        writer.writerows([step, split, 0.1] for step in world.steps for split in ("train", "test"))
