"""Pages that are made and not written: commands, settings and recipes, and the figures of measured studies.

mkdocs calls `on_files` when it has collected the pages; the tests call the functions that make them.
"""

import ast
import inspect
import re
import tokenize
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from eqntk_cli.cli.app import COMMANDS, load
from eqntk_cli.config import schema
from eqntk_cli.config.keys import groups, legal_values

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "experiments" / "results"
PARTS = {
    "dataset": schema.DatasetConfig,
    "group": schema.GroupConfig,
    "architecture": schema.ArchitectureConfig,
    "model": schema.ModelConfig,
    "training": schema.TrainingConfig,
    "tracking": schema.TrackingConfig,
    "": schema.Config,
}


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages and the figures."""
    from mkdocs.structure.files import File

    pages = {
        "reference/commands.md": commands_page(),
        "reference/settings.md": settings_page(),
        "guide/extend.md": extend_page(),
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for path, name in figures().items():
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def figures() -> dict[Path, str]:
    """Every figure of the measured studies, and its name among the pages."""
    return {path: f"figures/{_flat(path)}" for path in sorted(RESULTS.rglob("*.svg"))}


def settings_page() -> str:
    """Every key of a run with its default, its values and its meaning, from the schema."""
    lines = [
        "# Settings",
        "",
        "Every setting is given as `KEY=VALUE`. A config group (`dataset=`, `group=`, `architecture=`, `model=`, "
        "`training=`, `tracking=`) chooses an option with its own defaults; a single key changes one value. "
        "`eqntk train --cfg job` prints them all with the values that a run would have.",
    ]
    for part, kind in PARTS.items():
        lines += ["", f"## `{part}`" if part else "## The run as a whole", ""]
        if part in groups():
            lines += [f"`{part}=` " + ", ".join(f"`{option}`" for option in groups()[part]), ""]
        lines += ["| key | default | meaning |", "|---|---|---|"]
        meanings = comments(kind)
        for name, default in fields(kind):
            key = f"{part}.{name}" if part else name
            words = legal_values(key)
            meaning = meanings.get(name, "")
            values = f" One of {', '.join(f'`{word}`' for word in words)}." if words and part != key else ""
            lines.append(f"| `{key}` | {default} | {_cell(meaning)}{values} |")
    return "\n".join(lines) + "\n"


def fields(kind: type) -> Iterator[tuple[str, str]]:
    """The settings of one part with their defaults, as a table shows them."""
    for name, entry in kind.__dataclass_fields__.items():
        if not (inspect.isclass(entry.type) and entry.type.__name__.endswith("Config")):
            missing = not isinstance(entry.default, str | int | float | tuple | type(None)) or entry.default == "???"
            default = (
                "null" if entry.default is None else str(entry.default).lower() if entry.type is bool else entry.default
            )
            yield name, "" if missing else f"`{default}`"


def comments(kind: type) -> dict[str, str]:
    """What stands behind each field in the schema."""
    source = inspect.getsource(kind)
    lines = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    nodes = [node for node in ast.parse(source).body[0].body if isinstance(node, ast.AnnAssign)]  # type: ignore[attr-defined]
    return {ast.unparse(node.target): lines[node.lineno] for node in nodes if node.lineno in lines}


def commands_page() -> str:
    """Every command with its arguments and options, from the commands themselves."""
    lines = ["# Commands", "", "`eqntk COMMAND --help` says the same in the terminal.", ""]
    for name in COMMANDS:
        lines += _command(f"eqntk {name}", load(name), 2)
    return "\n".join(lines) + "\n"


def extend_page() -> str:
    """The recipes of CONTRIBUTING.md, which the tests follow."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    start = text.index("## Add a group")
    return (
        "# Your own group, layer and architecture\n\nThe tests follow these recipes word for word: they copy the "
        "package, write what stands in the blocks where their first line says, and use what was added.\n\n"
        + text[start:]
    )


def _command(path: str, command: Any, level: int) -> list[str]:
    said = " ".join((command.help or "").split("\n\n")[0].split())
    lines = [f"{'#' * level} {path}", "", said, ""]
    for name, inner in getattr(command, "commands", {}).items():
        lines += _command(f"{path} {name}", inner, level + 1)
    parameters = [one for one in command.params if one.name != "help"]
    if parameters and not getattr(command, "commands", {}):
        lines += ["| option | meaning |", "|---|---|"]
        lines += [f"| {_names(one)} | {_cell(getattr(one, 'help', None) or '')} |" for one in parameters]
        lines.append("")
    return lines


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    return ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))


def _cell(text: str) -> str:
    sentence = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
    sentence = re.sub(r"\bNone\b", "null", sentence)
    return sentence if not sentence or sentence.endswith((".", "?", "!")) else sentence + "."


def _flat(path: Path) -> str:
    return "-".join(path.relative_to(RESULTS).parts)
