"""What a command promises of the files that it leaves: every byte, but for times, names of runs and memory used.

A promise is a dictionary from what is promised to its bytes or value; two are compared key by key. That a file is there
at all is part of it, so that rubbish which a killed process left is found, too.
"""

import csv
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import yaml

Promise = dict[str, str]

# what differs from one time to the next: when, how long, under which name, and with what command line
_TIMES = {"started", "stopped", "seconds", "member_steps_per_second", "peak_memory_bytes", "created", "fixed"}
_NAMES = {"run_id", "command", "plan"}
_OWN = {".lock", "eqntk.log"}  # a lock says who held it last, a log what happened
_PLAN, _RECORD, _SWEEP, _REPORT = "plan.yaml", "record.json", "sweep.json", "report.json"


def promise(folder: Path) -> Promise:
    """Everything in `folder` and below, each file by what counts in it."""
    names = _runs(folder)
    kept: Promise = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            kept[f"{name}/"] = ""
        elif path.name not in _OWN:
            kept[name] = _content(path, names)
    return kept


def differences(now: Promise, whole: Promise) -> list[str]:
    """What is not as in `whole`, one clause each."""
    clauses = [f"{name} is missing" for name in sorted(set(whole) - set(now))]
    clauses += [f"{name} is left over" for name in sorted(set(now) - set(whole))]
    return clauses + [f"{name} differs" for name in sorted(set(now) & set(whole)) if now[name] != whole[name]]


def _content(path: Path, names: dict[str, str]) -> str:
    data = path.read_bytes()
    if path.name in (_RECORD, _SWEEP, _REPORT):
        try:
            values = json.loads(_renamed(data, names))
        except ValueError:
            return _digest(data)
        return json.dumps(_lasting(values) | _sworn(path, values), sort_keys=True)
    if path.name == _PLAN:
        try:
            return json.dumps(_lasting(yaml.safe_load(data)), sort_keys=True)
        except yaml.YAMLError:
            return _digest(data)
    if path.parent.name == "tables":
        rows = list(csv.DictReader(io.StringIO(_renamed(data, names))))
        return json.dumps([_lasting(row) for row in rows])
    if path.suffix in (".md", ".html"):
        return _digest(_without_times(_renamed(data, names)).encode())
    return _digest(data)


def _sworn(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Whether a run was begun under the very plan that lies beside its folder."""
    if path.name != _RECORD:
        return {}
    plan = path.parent.parent / _PLAN
    digest = hashlib.sha256(plan.read_bytes()).hexdigest() if plan.is_file() else None
    return {"under the plan": values.get("plan") == digest}


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(item) for key, item in value.items() if key not in _TIMES | _NAMES}
    return [_lasting(item) for item in value] if isinstance(value, list) else value


def _runs(folder: Path) -> dict[str, str]:
    """The folders of all runs by their run ids."""
    runs = {}
    for path in folder.rglob(_RECORD):
        try:
            runs[str(json.loads(path.read_bytes())["run_id"])] = path.parent.name
        except (ValueError, KeyError):
            continue
    return runs


def _renamed(data: bytes, names: dict[str, str]) -> str:
    text = data.decode(errors="replace")
    for run_id, name in names.items():
        text = text.replace(run_id, name)
    return text


def _without_times(text: str) -> str:
    """A page without the moments and the plan's digest that it quotes."""
    text = re.sub(r"in [\d.,]+ s;", "in SECONDS;", text)
    text = re.sub(r"(<dt>(?:Seconds|Peak memory, GiB)</dt>\s*<dd>)[^<]*", r"\1COST", text)  # of the runs
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[-+.:\d]*", "TIME", text)
    return re.sub(r"\b[0-9a-f]{12,64}\b", "DIGEST", text)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
