"""Where numbers come from, as plain data: the runs that were read, those left out, and the report itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RunInfo:
    """Where the numbers of one run come from, and how to make them again."""

    run_id: str
    path: str
    state: str
    role: str  # subject | control
    control: str | None  # what was changed on purpose: no_augmentation | other_group | other_step_size
    model: str  # gcnn_ensemble | augmented_ensemble | ntk
    augmentation: str | None
    coupling: str
    group: str
    dataset: str
    task: str
    label: str | None
    width: int | None
    members: int | None
    members_used: int | None  # members whose predictions are complete
    n_train: int
    n_test: int
    n_ood: int
    step_size: float
    stability_limit: float | None
    seed: int
    precision: str
    invariance_error: float | None  # largest relative deviation over the orbit that was measured (gcnn_ensemble)
    fingerprint: str  # sha256 of all data
    architecture: dict[str, object]
    training: dict[str, object]
    git_commit: str | None
    versions: dict[str, str]
    host: str | None
    devices: tuple[str, ...]
    command: str | None  # reproduces the run
    started: str | None
    stopped: str | None
    seconds: float | None
    member_steps_per_second: float | None
    peak_memory_bytes: int | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Provenance:
    """How the report itself was made."""

    created: str  # ISO
    command: str
    version: str  # of eqntk
    versions: dict[str, str]
    git_commit: str | None
    host: str
    seed: int  # of the resampling
    seconds: float


@dataclass(frozen=True)
class Unmatched:
    """A run that was given but belongs to no comparison, and why."""

    run_id: str
    reason: str
