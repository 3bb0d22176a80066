"""`eqntk`: the commands, each imported when it is called and not before."""

import sys
import traceback
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from eqntk_cli.errors import UserError
from eqntk_cli.runs.interrupts import Interrupts, interruption, leave

FAULT = 70  # EX_SOFTWARE of sysexits.h


@dataclass(frozen=True)
class Command:
    """A command: its module, the Typer app or function in it, and one line of help."""

    module: str
    name: str
    help: str


COMMANDS: dict[str, Command] = {
    "demo": Command("eqntk_cli.cli.demo", "demo", "The whole comparison on digits, in minutes, without files."),
    "train": Command("eqntk_cli.cli.train", "train", "Run one model: an ensemble, or the infinite one."),
    "sweep": Command("eqntk_cli.cli.sweep", "sweep", "Run every combination of settings, or an experiment."),
    "plan": Command("eqntk_cli.cli.plan", "plan", "Fix margin, steps, looks and runs of a study before it begins."),
    "decide": Command("eqntk_cli.cli.decide", "decide", "Follow a plan: more members until everything is decided."),
    "compare-runs": Command("eqntk_cli.cli.compare_runs", "compare_runs", "Report whether runs agree, with a verdict."),
    "kernel": Command("eqntk_cli.cli.kernel", "kernel", "NNGP and NTK Gram matrices of arrays or of a data set."),
    "predict": Command("eqntk_cli.cli.predict", "predict", "Mean and covariance of the infinite ensemble over time."),
    "convergence": Command("eqntk_cli.cli.convergence", "convergence", "Finite networks against the kernel recursion."),
    "data": Command("eqntk_cli.cli.data", "app", "Which data sets there are, and fetching them."),
    "runs": Command("eqntk_cli.cli.run_table", "app", "Which runs there are, how far, and whether intact."),
    "doctor": Command("eqntk_cli.cli.doctor", "doctor", "Devices, versions, data and tracking, and what to mend."),
    "completion": Command("eqntk_cli.cli.completion", "completion", "Print the script that completes in your shell."),
}
_COMPLETION_OPTIONS = ("install_completion", "show_completion")  # `eqntk completion` takes their place
_WITH_SETTINGS = ("train", "sweep", "plan", "kernel", "convergence")  # their --help lists what can be set
_EPILOG = (
    "\b\nFirst steps, which need no files:\n"
    "  eqntk train dataset=digits group=c4 model=ntk   one prediction, in seconds\n"
    "  eqntk demo                                      a verdict, in minutes\n\n"
    "Exit status: 0 well; 2 a mistake or condition that you can mend; 70 a fault of the program; 130, 143, 129 stopped "
    "from outside."
)


class LazyGroup(TyperGroup):
    """Commands that are imported when called; the list of them comes from the table above."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        names: dict[str, Any] = dict.fromkeys(COMMANDS)  # from which Typer suggests the nearest
        self.commands = names

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by its name, imported now."""
        del ctx
        return load(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list in --help."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in COMMANDS.items()])


app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
)


def main() -> None:
    """The console command."""
    try:
        with Interrupts():
            _root()(prog_name="eqntk")
    except SystemExit as end:
        if interruption(end) is not None:
            leave(int(end.code or 0))
        raise
    except UserError as error:
        sys.exit(_said(str(error), error.exit_code))
    except OSError as error:  # a file or folder that cannot be used, where nothing more specific is known
        sys.exit(_said(f"{error.strerror or error}: {error.filename or ''}", 2))
    except Exception:  # Python's own status is 1, which is an answer of decide and of compare-runs --require
        traceback.print_exc()
        sys.exit(FAULT)


def load(name: str) -> Any:
    """The command `name`, as Typer runs it."""
    entry = COMMANDS[name]
    group = getattr(import_module(entry.module), entry.name)
    if not isinstance(group, typer.Typer):
        function, group = group, typer.Typer(rich_markup_mode=None)
        group.command(name, help=None, no_args_is_help=False)(function)
    command = _without_completion_options(typer.main.get_command(group))
    command.name = name
    if name in _WITH_SETTINGS:
        from eqntk_cli.cli.completion import settings_help

        command.epilog = settings_help()
    return command


def _print_version(asked: bool) -> None:
    if asked:
        from eqntk_cli import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback(
    help="Check on real data that an ensemble trained on augmented data, an ensemble of group-convolutional networks "
    "and the equivariant neural tangent kernel predict the same at every training time."
)
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    del version  # answered before


def _root() -> Any:
    return _without_completion_options(typer.main.get_command(app))


def _without_completion_options(command: Any) -> Any:
    command.params = [parameter for parameter in command.params if parameter.name not in _COMPLETION_OPTIONS]
    return command


def _said(message: str, status: int) -> int:
    sys.stderr.write("eqntk: " + " ".join(message.split()) + "\n")
    return status
