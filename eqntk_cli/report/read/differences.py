"""In what two runs differ, as far as it decides whether they may be compared; each difference in words."""

from collections.abc import Mapping
from dataclasses import fields
from math import isclose

from eqntk_cli.config.schema import ArchitectureConfig
from eqntk_cli.report.read.runs import Run
from eqntk_cli.runs.record import Record

# settings from which the step size or the kernel's own numbers follow; the step size itself is compared
_DERIVED = ("step_size", "step_fraction", "step_group", "step_group_order", "record_steps")
_LATER = ("average_pool",)  # settings that runs of earlier programs do not have on record
_SAME_STEP = 1e-5  # relative; the same step size worked out on two machines


def differences(a: Run, b: Run) -> dict[str, str]:
    """What differs between two runs, by key: data, task, group, architecture, training, steps, width, and so on.

    Which model it is, its seed and members do not count; the seed does where members are coupled. Two ensembles have
    one precision: random numbers of another precision are other numbers, so that coupled members would not start
    alike. A kernel may be computed in double precision for ensembles in single precision.
    """
    one, two = a.record, b.record
    differing = _data(one, two)
    differing |= _entries("architecture", architecture(one), architecture(two))
    training = [{key: value for key, value in run.training.items() if key not in _DERIVED} for run in (one, two)]
    differing |= _entries("training", *training)
    for key in ("task", "group", "width", "precision", "coupling"):
        if "ntk" not in (one.model, two.model) or key in ("task", "group"):
            differing |= _entry(key, getattr(one, key), getattr(two, key))
    if one.coupling == "shared" and two.coupling == "shared":
        differing |= _entry("seed", one.seed, two.seed)
        if "ntk" not in (one.model, two.model):  # which has no members
            differing |= _entry("antithetic", one.antithetic, two.antithetic)
    if list(one.record_steps) != list(two.record_steps):
        differing["record_steps"] = f"steps {_short(one.record_steps)} and {_short(two.record_steps)}"
    if not _same_step(one, two):
        differing["step_size"] = f"step_size {one.step_size} and {two.step_size}"
    augmentations = {run.augmentation for run in (one, two) if run.model == "augmented_ensemble"} - {"orbit", "haar"}
    if augmentations:
        differing["augmentation"] = f"augmentation {', '.join(map(str, augmentations))} instead of orbit"
    return differing


def architecture(record: Record) -> dict[str, object]:
    """The settings of the architecture; what an older program did not know yet stands at its default."""
    defaults = {setting.name: setting.default for setting in fields(ArchitectureConfig) if setting.name in _LATER}
    return defaults | record.architecture


def follows_from_group(a: Run, b: Run) -> bool:
    """Whether both step sizes were set to auto alike, so that they differ only as the groups do."""
    one, two = a.record.training, b.record.training
    keys = ("step_size", "step_fraction")
    return one.get("step_size") == "auto" and all(one.get(key) == two.get(key) for key in keys)


def named(differing: Mapping[str, str]) -> str:
    """The differences in one line."""
    words = list(differing.values())
    return "; ".join(words[:4]) + (f"; and {len(words) - 4} more" if len(words) > 4 else "")


def _data(one: Record, two: Record) -> dict[str, str]:
    if one.fingerprint is None or two.fingerprint is None:
        return {"data": "the data of one of them are not on record"}
    parts = [part for part in ("train", "test", "ood") if one.fingerprint.get(part) != two.fingerprint.get(part)]
    if not parts and one.fingerprint.get("all") != two.fingerprint.get("all"):
        parts = ["all"]
    if not parts:
        return {}
    sets = f" ({one.dataset} and {two.dataset})" if one.dataset != two.dataset else ""
    return {"data": f"other {', '.join(parts)} data by fingerprint{sets}"}


def _entries(key: str, one: Mapping[str, object], two: Mapping[str, object]) -> dict[str, str]:
    differing: dict[str, str] = {}
    for name in sorted(set(one) | set(two)):
        differing |= _entry(f"{key}.{name}", one.get(name), two.get(name))
    return differing


def _entry(key: str, one: object, two: object) -> dict[str, str]:
    return {} if one == two else {key: f"{key} {one} and {two}"}


def _same_step(one: Record, two: Record) -> bool:
    if one.step_size is None or two.step_size is None:
        return one.step_size is two.step_size
    return isclose(one.step_size, two.step_size, rel_tol=_SAME_STEP)


def _short(steps: list[int]) -> str:
    shown = ",".join(map(str, steps[:4]))
    return f"{shown},... ({len(steps)} up to {steps[-1]})" if len(steps) > 4 else shown
