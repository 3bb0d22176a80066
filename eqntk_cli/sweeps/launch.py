"""Jobs handed to one of Hydra's launchers: in this process, in several, or on a cluster.

A launcher takes a list of override lists, one per job. Hydra's own sweeper can only make products of choices; the
runs of an experiment differ in several settings at once, so the list is made in `expand` and handed over here.
"""

from collections.abc import Sequence
from pathlib import Path

from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks  # HydraContext asks for one; the only private name used
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode
from omegaconf.errors import OmegaConfBaseException

from eqntk_cli.config.compose import one_line, register, search_override
from eqntk_cli.config.yaml_files import conf_dir
from eqntk_cli.errors import ConfigError
from eqntk_cli.sweeps.expand import Job
from eqntk_cli.sweeps.job import Outcome, run_job
from eqntk_cli.sweeps.manifest import Manifest

PLUGINS = {"basic": "basic", "joblib": "joblib"}


def launch(folder: Path, manifest: Manifest, jobs: Sequence[Job]) -> list[BaseException | None]:
    """Run jobs of a sweep; one that fails does not keep the others from running.

    Returns:
        For every job what went wrong, or None.

    Raises:
        ConfigError: the launcher cannot be used here.
    """
    register()
    GlobalHydra.instance().clear()
    overrides = [
        f"hydra/launcher={PLUGINS[manifest.launcher]}",
        f"hydra.sweep.dir='{folder.resolve()}'",
        *manifest.hydra,
    ]
    overrides += [] if manifest.config_dir is None else [search_override(manifest.config_dir)]
    try:
        with initialize_config_dir(config_dir=str(conf_dir()), job_name="eqntk", version_base="1.3"):
            loader = GlobalHydra.instance().config_loader()
            config = loader.load_configuration("config", overrides=overrides, run_mode=RunMode.MULTIRUN)
            HydraConfig.instance().set_config(config)
            launcher = Plugins.instance().instantiate_launcher(
                hydra_context=HydraContext(config_loader=loader, callbacks=Callbacks(config)),
                task_function=run_job,
                config=config,
            )
            returned = launcher.launch([_words(job) for job in jobs], initial_job_idx=0)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(f"launcher={manifest.launcher}: {one_line(error)}") from error
    return [_error(result) for result in returned]


def _words(job: Job) -> list[str]:
    return [*job.overrides, f"hydra.sweep.subdir={job.folder}"]


def _error(returned: JobReturn) -> BaseException | None:
    if returned.status is JobStatus.FAILED:
        return _raised(returned)
    outcome: Outcome = returned.return_value
    return outcome.error


def _raised(returned: JobReturn) -> BaseException:
    """What a job raised that no user can mend; Hydra has caught it and hands it out by raising it."""
    try:
        returned.return_value  # noqa: B018 - the attribute raises
    except Exception as error:  # whatever it was, it is reported beside the other jobs
        return error
    raise AssertionError(returned.status)
