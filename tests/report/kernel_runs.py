"""Kernel runs without a kernel: predictions that miss the truth by a planted power of the number of samples."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from simulated import World, write_theory

SIZES = (16, 32, 64, 128)
TEST = 30


@dataclass(frozen=True)
class Law:
    """Loss of one kernel: factor N^(-beta) up to a spread over draws."""

    beta: float = 0.5
    factor: float = 2.0
    spread: float = 0.02


def world(n_train: int, seed: int, task: str = "multi-class") -> World:
    """A draw of the data."""
    outputs = ("u0",) if task == "regression" else ("benign", "malignant", "unclear")
    return World(n_train=n_train, n_test=TEST, n_ood=0, steps=(0, 10, 1000), outputs=outputs, task=task, seed=seed)


def means(drawn: World, law: Law) -> np.ndarray:
    """Predictions (step, sample, output) with loss 4, 2 and 1 times factor N^(-beta) exp(spread * noise) on test."""
    generator = np.random.default_rng([drawn.seed, drawn.n_train, 9])
    target = np.nan_to_num(drawn.points().target)
    error = np.random.default_rng([drawn.seed, 10]).normal(size=target.shape)
    test = slice(drawn.n_train, drawn.n_train + drawn.n_test)
    size = np.sum(error[test] ** 2) / (2 * drawn.n_test)
    wanted = law.factor * drawn.n_train**-law.beta * np.exp(law.spread * generator.normal())
    return np.stack([target + error * np.sqrt(share * wanted / size) for share in (4, 2, 1)])


def write_kernel(
    folder: Path, drawn: World, law: Law, names: tuple[str, ...] = ("group", "plain"), shift: float = 0.0, **record
) -> Path:
    """A run of model=ntk; every later kernel is `shift` times the first one's RMS away from it."""
    first = means(drawn, law)
    rms = np.sqrt(np.mean(first[:, drawn.n_train :] ** 2, axis=(1, 2), keepdims=True))
    values = np.stack([first + shift * rms * number for number in range(len(names))])
    print_of = f"{drawn.seed:02x}{drawn.n_train:04x}" * 8
    sums = {
        part: letter * 16 + print_of for part, letter in (("train", "a"), ("test", "b"), ("ood", "c"), ("all", "d"))
    }
    kernel = {name: {"condition_number": 100.0} for name in names}
    record = {"precision": "float64", "fingerprint": sums, "kernel": kernel} | record
    write_theory(folder, drawn, kernels=names, mean=values, **record)
    settings = {"name": record.get("dataset", "digits"), "n_train": drawn.n_train, "split_seed": drawn.seed}
    (folder / "config.yaml").write_text(yaml.safe_dump({"dataset": settings | {"image_size": 8}}), encoding="utf-8")
    return folder


def write_curves(
    root: Path, sizes: tuple[int, ...] = SIZES, seeds: tuple[int, ...] = (0, 1, 2), task: str = "multi-class", **record
) -> Path:
    """An equivariant, an augmented and a plain kernel (whose loss is twice as large) for every draw."""
    for n_train in sizes:
        for seed in seeds:
            drawn, end = world(n_train, seed, task), f"{n_train}-{seed}"
            write_kernel(root / f"equivariant-{end}", drawn, Law(), **record)
            write_kernel(root / f"augmented-{end}", drawn, Law(), ("plain",), **record)
            write_kernel(root / f"plain-{end}", drawn, Law(factor=4.0), group="c1", step_size=0.3, **record)
    return root
