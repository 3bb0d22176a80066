"""The part of `--help` that lists what can stand left and right of the `=`."""

import textwrap

from eqntk_cli.config.keys import groups, keys, legal_values

_WIDTH = 78


def settings_help() -> str:
    """Config groups with their options, then single settings with their words."""
    lines = ["\b", "Config groups (GROUP=OPTION):"]
    for group, options in groups().items():
        lines += _hanging(f"  {group}=", " ".join(options))
    lines += ["", "\b", "Single settings (KEY=VALUE; `--cfg job` prints all with their values):"]
    for group in (*groups(), ""):
        lines += _hanging(f"  {group}.*  " if group else "  ", " ".join(_settings(group)))
    return "\n".join(lines)


def _settings(group: str) -> list[str]:
    named = [key for key in keys() if key.rpartition(".")[0] == group]
    return [_with_words(key) for key in named if key.rpartition(".")[2] != "name"]


def _with_words(key: str) -> str:
    words = legal_values(key)
    return f"{key.rpartition('.')[2]}={'|'.join(words)}" if words else key.rpartition(".")[2]


def _hanging(head: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=head, subsequent_indent=" " * 6, break_on_hyphens=False)
