"""`eqntk plan`: fix what a study will be judged by, before anything of it is trained."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eqntk_cli.cli.completion import complete_sweep
from eqntk_cli.cli.train import ConfigDir
from eqntk_cli.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from eqntk_cli.runs.plan import Plan


def plan(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the study; holds plan.yaml, and later its runs.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="experiment=NAME [KEY=VALUE]...",
            help="The experiment and settings of its runs, and of the plan: margin=0.1, level=0.05, steps=all or "
            "steps=[10,30], looks=[16,32,64] (members at each look). The largest number of members is model.members.",
            autocompletion=complete_sweep,
            show_default=False,
        ),
    ] = None,
    config_dir: ConfigDir = None,
) -> None:
    """Write DIR/plan.yaml: margin, level, counted steps, looks, members, seeds, runs and controls.

    Follow it with `eqntk decide DIR` (look after look), or run it with `eqntk sweep experiment=NAME [KEY=VALUE]...
    --out DIR` (all members at once).
    """
    from eqntk_cli.cli.going_on import say_if_too_few
    from eqntk_cli.files.atomic import make_folder, names_in
    from eqntk_cli.runs.plan import PLAN_FILE, require_controls, write_plan
    from eqntk_cli.sweeps.begin import checked, new_manifest
    from eqntk_cli.sweeps.planned import plan_of, sorted_words

    own, words = sorted_words(settings or [])
    if not any(word.startswith("experiment=") for word in words):
        raise ConfigError("a plan is of an experiment; expected experiment=NAME, as in eqntk sweep.")
    if out.exists() and (not out.is_dir() or names_in(out)):
        raise StorageError(f"--out {out} is not empty; a plan is made before anything else, in a new folder.")
    manifest = new_manifest(words, config_dir=config_dir)
    runs = checked(manifest)
    made = plan_of(manifest, runs, own, looks=True)
    if made is None:
        raise ConfigError(f"experiment={manifest.name} has no two ensembles to be compared; there is nothing to plan.")
    require_controls(made, "plan")
    say_if_too_few((config for _, config in runs), made.level_of_a_look)
    make_folder(out)
    write_plan(out, made)
    typer.echo(_in_words(made))
    typer.echo(str(out / PLAN_FILE))


def _in_words(made: "Plan") -> str:
    steps = "every recorded step after the start" if made.steps is None else f"steps {', '.join(map(str, made.steps))}"
    looks = ", ".join(map(str, made.looks))
    return (
        f"{len(made.runs)} runs and {len(made.controls)} controls; margin {100 * made.margin:g} % of the RMS "
        f"prediction at {steps}; looks at {looks} members, level {100 * made.level:g} % over all of them"
    )
