"""What can be typed as KEY=VALUE, from the index of all keys: completed by the shell, and listed by `--help`.

The shell asks the program itself (environment variable _EQNTK_COMPLETE), so what is offered is what is legal. bash
splits words at `=`: there only the value is completed, and no space is added after a key.
"""

import glob
import os
import textwrap
from collections.abc import Iterable
from typing import Annotated

import typer

from eqntk_cli.config.keys import groups, keys, legal_values
from eqntk_cli.errors import ConfigError

_PATHS = {"dataset.files": False, "dataset.exclude": False, "dataset.root": True}  # whether it is a folder
_WIDTH = 78  # of the list in `--help`

SCRIPTS = {
    "bash": """\
_eqntk_completion() {
    local IFS=$'\\n'
    COMPREPLY=( $( env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _EQNTK_COMPLETE=complete_bash $1 ) )
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=./] ]]; then compopt -o nospace; fi
    return 0
}
complete -o default -F _eqntk_completion eqntk""",
    "zsh": """\
#compdef eqntk
_eqntk_completion() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _EQNTK_COMPLETE=complete_zsh eqntk)
}
compdef _eqntk_completion eqntk""",
    "fish": """\
complete --command eqntk --no-files --arguments "(env _EQNTK_COMPLETE=complete_fish \
_TYPER_COMPLETE_FISH_ACTION=get-args _TYPER_COMPLETE_ARGS=(commandline -cp) eqntk)" --condition "env \
_EQNTK_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=is-args _TYPER_COMPLETE_ARGS=(commandline -cp) eqntk" """,
}


def completion(
    shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", autocompletion=lambda: list(SCRIPTS))],
) -> None:
    """Print the script that makes a shell complete commands, options and settings.

    bash: put `source <(eqntk completion bash)` into ~/.bashrc. zsh: `source <(eqntk completion zsh)` into ~/.zshrc.
    fish: `eqntk completion fish > ~/.config/fish/completions/eqntk.fish`.
    """
    if shell not in SCRIPTS:
        raise ConfigError(f"shell={shell} is not known; expected {' | '.join(SCRIPTS)}.")
    typer.echo(SCRIPTS[shell].strip())


def complete_setting(ctx: typer.Context, incomplete: str) -> list[str]:
    """Settings of one run that begin with `incomplete`."""
    return suggestions(incomplete, _before(ctx), groups_too=groups())


def complete_sweep(ctx: typer.Context, incomplete: str) -> list[str]:
    """Settings of a sweep: lists of values too, and the experiments."""
    from eqntk_cli.sweeps.experiment import experiment_names

    return suggestions(incomplete, _before(ctx), groups_too={"experiment": experiment_names(), **groups()})


def suggestions(incomplete: str, before: list[str], groups_too: dict[str, tuple[str, ...]]) -> list[str]:
    """What can stand for an unfinished word, given the words before it.

    `model=nt` is answered with whole words. Where the shell has cut at `=`, the key stands among the words before
    and the answer is the value alone.
    """
    last = _rejoined(before)[-1:]
    for word in last:
        key, equals, value = word.partition("=")
        if not value and (equals or not incomplete):  # bash hands over a lone `=` as an empty word
            return _values(key, incomplete, groups_too)
    if "=" in incomplete:
        key, _, value = incomplete.partition("=")
        return [f"{key}={whole}" for whole in _values(key, value, groups_too)]
    completions = [f"{name}=" for name in _names(groups_too) if name.startswith(incomplete)]
    if len(completions) > 1 and "." not in incomplete:  # first the part, then the key: `model.` before its twenty keys
        short = [f"{name}." for name in groups_too if f"{name}.".startswith(incomplete) and f"{name}." != incomplete]
        completions = [word for word in completions if "." not in word] + [part for part in short if _has_keys(part)]
    return list(dict.fromkeys(completions))


def settings_help() -> str:
    """Config groups with their options, then single settings with their words."""
    lines = ["\b", "Config groups (GROUP=OPTION):"]
    for group, options in groups().items():
        lines += _hanging(f"  {group}=", " ".join(options))
    lines += ["", "\b", "Single settings (KEY=VALUE; `--cfg job` prints all with their values):"]
    for group in (*groups(), ""):
        lines += _hanging(f"  {group}.*  " if group else "  ", " ".join(_settings(group)))
    return "\n".join(lines)


def _rejoined(words: list[str]) -> list[str]:
    """Words that bash has cut at `=`, put together again."""
    joined: list[str] = []
    for word in words:
        if joined and (word == "=" or joined[-1].endswith("=")):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _names(groups_too: dict[str, tuple[str, ...]]) -> list[str]:
    settings = [key for key in keys() if key.rpartition(".")[0] == "" or key.rpartition(".")[2] != "name"]
    return list(dict.fromkeys([*groups_too, *settings]))


def _values(key: str, incomplete: str, groups_too: dict[str, tuple[str, ...]]) -> list[str]:
    if key in _PATHS:
        return _paths(incomplete, folders_only=_PATHS[key])
    words = groups_too[key] if key in groups_too else legal_values(key)
    head, comma, last = incomplete.rpartition(",")  # a sweep lists several
    used = head.split(",")
    return [f"{head}{comma}{word}" for word in words if word.startswith(last) and word not in used]


def _paths(incomplete: str, folders_only: bool) -> list[str]:
    """Files and folders that begin with `incomplete`, the folders with a slash behind."""
    pattern = glob.escape(os.path.expanduser(incomplete)) + "*"
    home = len(os.path.expanduser(incomplete)) - len(incomplete)
    typed = [path if home == 0 else incomplete + path[len(incomplete) + home :] for path in sorted(glob.glob(pattern))]
    folders = [os.path.isdir(os.path.expanduser(path)) for path in typed]
    return [
        path + "/" if folder else path
        for path, folder in zip(typed, folders, strict=True)
        if folder or not folders_only
    ]


def _has_keys(part: str) -> bool:
    return any(key.startswith(part) for key in keys())


def _before(ctx: typer.Context) -> list[str]:
    given: Iterable[str] = ctx.params.get("settings") or ()
    return [*given, *ctx.args]


def _settings(group: str) -> list[str]:
    named = [key for key in keys() if key.rpartition(".")[0] == group]
    return [_with_words(key) for key in named if key.rpartition(".")[2] != "name"]


def _with_words(key: str) -> str:
    words = legal_values(key)
    return f"{key.rpartition('.')[2]}={'|'.join(words)}" if words else key.rpartition(".")[2]


def _hanging(head: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=head, subsequent_indent=" " * 6, break_on_hyphens=False)
