"""The surroundings of an atom as a signal on the sphere, and what the band limit keeps of it.

    python experiments/signal_figure.py --out experiments/results/signal_on_sphere.svg

The oxygen atom of ethanol (from the G2 set): the channel "hydrogen, p = 2", exact and band-limited to l < L, in the
Mollweide projection. Crosses mark the directions of the hydrogen atoms.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from eqntk_cli.config.schema import DatasetConfig
from eqntk_cli.data.sources.molecules import open_source
from eqntk_cli.domains.harmonics import spherical_harmonics
from eqntk_cli.domains.signals import WINDOW_BETA, atom_signals

MOLECULE, HYDROGEN, POWER = "CH3CH2OH", 1, 2
BANDLIMITS = (2, 3, 4, 6, 8)


def main() -> None:
    """One row of maps on one colour scale."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("experiments/results/signal_on_sphere.svg"))
    out = parser.parse_args().out
    source = open_source(DatasetConfig(name="molecules", family="molecules"))
    molecule = next(m for m in source.read(np.arange(source.size)) if m.name == MOLECULE)
    centre = int(np.flatnonzero(molecule.numbers == 8)[0])
    longitude, latitude = np.meshgrid(np.linspace(-np.pi, np.pi, 181), np.linspace(-np.pi / 2, np.pi / 2, 91))
    points = np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=-1
    )
    neighbours = molecule.positions[molecule.numbers == HYDROGEN] - molecule.positions[centre]
    maps = {"exact": _exact(points, neighbours, int(molecule.numbers[centre]))}
    for bandlimit in BANDLIMITS:
        signals = atom_signals(molecule.numbers, molecule.positions, (1, 6, 8), (POWER,), bandlimit, MOLECULE)
        maps[f"l < {bandlimit}"] = spherical_harmonics(bandlimit, points) @ signals[centre, :, 0]
    _draw(maps, longitude, latitude, neighbours, out)


def _exact(points: np.ndarray, neighbours: np.ndarray, charge: int) -> np.ndarray:
    """sum_j z_i z_j / r^p exp(-(n . r/|r| - 1)^2 / beta)."""
    distances = np.linalg.norm(neighbours, axis=1)
    angles = points @ (neighbours / distances[:, None]).T
    return (charge * HYDROGEN / distances**POWER * np.exp(-((angles - 1) ** 2) / WINDOW_BETA)).sum(axis=-1)


def _draw(
    maps: dict[str, np.ndarray], longitude: np.ndarray, latitude: np.ndarray, neighbours: np.ndarray, out: Path
) -> None:
    figure, axes = plt.subplots(2, 3, figsize=(9, 4.2), subplot_kw={"projection": "mollweide"}, layout="constrained")
    largest = max(abs(values).max() for values in maps.values())
    directions = neighbours / np.linalg.norm(neighbours, axis=1, keepdims=True)
    for axis, (title, values) in zip(axes.flat, maps.items(), strict=True):
        mesh = axis.pcolormesh(
            longitude, latitude, values, cmap="RdBu_r", vmin=-largest, vmax=largest, shading="gouraud", rasterized=True
        )
        axis.plot(np.arctan2(directions[:, 1], directions[:, 0]), np.arcsin(directions[:, 2]), "kx", markersize=4)
        axis.set_title(title, fontsize=9)
        axis.set_xticks([])
        axis.set_yticks([])
    figure.colorbar(mesh, ax=axes, shrink=0.7, label="signal (1/Angstrom$^2$)")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
