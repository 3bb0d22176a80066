"""A module that stands for wandb and keeps what it is told."""

from types import SimpleNamespace

from fake_runs import config

from eqntk_cli.config.schema import TrackingConfig


class FakeRun:
    """Keeps what a run of Weights & Biases is told; fails from call number `fails_at` on."""

    resumed = False

    def __init__(self, fails_at=None, error=OSError("no space left for the mirror")):  # noqa: B008
        self.rows, self.finished, self.kept, self.calls = [], [], [], 0
        self.fails_at, self.error = fails_at, error
        self.known = {}  # of an earlier session
        self.summary = SimpleNamespace(update=self._summary, get=self.known.get)

    def _call(self):
        self.calls += 1
        if self.fails_at is not None and self.calls >= self.fails_at:
            raise self.error

    def define_metric(self, *_, **__):
        self._call()

    def log(self, row):
        self._call()
        self.rows.append(row)

    def _summary(self, values):
        self._call()
        self.rows.append({"summary": values})

    def log_artifact(self, kept):
        self._call()
        self.kept.append(kept)

    def finish(self, exit_code):
        self.finished.append(exit_code)


class FakeArtifact:
    """Keeps the paths of files under their names."""

    def __init__(self, name, type):  # noqa: A002 - the name is theirs
        self.name, self.type, self.files, self.fixed = name, type, {}, []

    def add_file(self, path, name, policy, skip_cache):
        assert (policy, skip_cache) in (("immutable", True), ("mutable", False))
        self.files[name] = path
        self.fixed += [name] if skip_cache else []


def stand_in(runs):
    """The module; `runs` are handed out one after another, and what they are asked for with stands in `given`."""
    given = []

    def init(**settings):
        given.append(settings)
        return runs[len(given) - 1]

    return SimpleNamespace(
        init=init, Settings=lambda **settings: settings, Artifact=FakeArtifact, runs=runs, given=given
    )


def tracked(mode="offline", upload=True, **changes):
    return config(tracking=TrackingConfig(mode=mode, group="sweep-7", tags=("mine",), upload=upload), **changes)
