"""Imports run one way: groups before domains before kernels ... before the command line."""

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import eqntk_cli

PACKAGE = Path(eqntk_cli.__file__).parent
BASE = {"errors", "files", "progress", "config"}
ORDER = ("groups", "domains", "recursion", "layers", "kernels", "architectures", "training")  # of the theory
SEES = {  # what a folder may import from, besides itself
    "errors": set(),
    "files": {"errors"},
    "progress": set(),
    "config": {"errors", "files", "progress"},
    **{folder: BASE | set(ORDER[:place]) for place, folder in enumerate(ORDER)},
    "targets": {"errors"},
    "data": BASE | {"groups", "domains", "targets"},
    "report": BASE | {"targets", "runs"},
}
SEES["models"] = BASE | set(ORDER) | {"targets", "data"}
SEES["runs"] = SEES["models"] | {"models"}
SEES["sweeps"] = SEES["runs"] | {"runs"}
SEES["interface"] = SEES["sweeps"] | {"sweeps", "report"}
SEES["cli"] = SEES["interface"] | {"interface"}
FILES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = {file.relative_to(PACKAGE).parts[0] for file in FILES if file.parent != PACKAGE}
ALWAYS_LIGHT = ("errors", "files", "progress", "config")  # read by the command line before anything is computed
HEAVY = {"jax", "flax", "optax", "e3nn_jax", "numpy", "scipy", "xarray", "matplotlib", "wandb", "sklearn"}


def imported(tree, everywhere=True):
    """Modules that a file imports; at its top only unless `everywhere`."""
    nodes = ast.walk(tree) if everywhere else tree.body
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name their module in full"
            yield from ([f"{node.module}.{name.name}" for name in node.names] if node.module == "eqntk_cli" else [])
            yield node.module


def whole_names(file):
    """Modules that a file imports, `from folder import module` included."""
    froms = [node for node in ast.walk(parsed(file)) if isinstance(node, ast.ImportFrom)]
    return {*imported(parsed(file)), *(f"{node.module}.{name.name}" for node in froms for name in node.names)}


def parsed(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def test_every_folder_has_its_place():
    assert {*FOLDERS, "errors", "progress"} == set(SEES)


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_imports_run_one_way(folder):
    allowed = SEES[folder] | {folder, "__version__"}
    wrong = [
        f"{file.relative_to(PACKAGE)} imports {module}"
        for file in sorted((PACKAGE / folder).rglob("*.py"))
        for module in imported(parsed(file))
        if module.startswith("eqntk_cli.") and module.split(".")[1] not in allowed
    ]
    assert wrong == []


def test_the_report_reads_run_folders_and_nothing_else():
    used = {module for file in (PACKAGE / "report").rglob("*.py") for module in imported(parsed(file))}
    of_runs = {module for module in used if module.startswith("eqntk_cli.runs")}
    names = ("record", "plan", "contents", "integrity", "store", "listing", "metrics", "provenance")
    readers = {f"eqntk_cli.runs.{name}" for name in names}
    assert of_runs - readers - {"eqntk_cli.runs"} == set()
    assert {module.split(".")[0] for module in used} & {"jax", "flax", "optax"} == set()


def module_name(file):
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def executed(tree):
    """The statements that run, without what is for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from executed(node)


def graph(files):
    """The modules of the package that each one imports, inside functions too."""
    names = {module_name(file): file for file in files}
    edges = {name: set() for name in names}
    for name, file in names.items():
        for node in executed(parsed(file)):
            if isinstance(node, ast.Import):
                edges[name] |= {one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom):
                edges[name] |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return {name: modules & set(names) - {name} for name, modules in edges.items()}


def test_no_file_imports_itself_by_way_of_others():
    try:
        list(TopologicalSorter(graph(FILES)).static_order())
    except CycleError as error:
        pytest.fail("a circle: " + " <- ".join(error.args[1]))


def test_a_circle_of_files_would_be_found(tmp_path, monkeypatch):
    (tmp_path / "eqntk_cli").mkdir()
    texts = {"a": "from eqntk_cli import b", "b": "def f():\n    from eqntk_cli.a import f"}
    for name, text in texts.items():
        (tmp_path / "eqntk_cli" / f"{name}.py").write_text(text + "\n")
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path / "eqntk_cli")
    with pytest.raises(CycleError):
        TopologicalSorter(graph(sorted(tmp_path.rglob("*.py")))).prepare()


def test_a_file_name_says_which_file_is_meant():
    """At most three files share a name, telling in their folders, but for lists and base classes."""
    counted = Counter(file.name for file in FILES)
    often = {name for name, times in counted.items() if times > 3}
    assert often <= {"__init__.py", "registry.py", "base.py"}


def test_the_order_has_no_cycle():
    left = dict(SEES)
    while left:
        free = [folder for folder, seen in left.items() if not seen & set(left)]
        assert free, f"a cycle among {sorted(left)}"
        for folder in free:
            del left[folder]


def test_modules_of_the_data_import_one_another_in_no_circle():
    names = {".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts): file for file in FILES}
    names = {name.removesuffix(".__init__"): file for name, file in names.items() if name.startswith("eqntk_cli.data")}
    left = {name: whole_names(file) & set(names) - {name} for name, file in names.items()}
    while left:
        free = [name for name, seen in left.items() if not seen & set(left)]
        assert free, f"a circle among {sorted(left)}"
        for name in free:
            del left[name]


@pytest.mark.parametrize("folder", ["cli", "sweeps", *ALWAYS_LIGHT])
def test_what_the_command_line_reads_first_is_light(folder):
    files = [PACKAGE / f"{folder}.py"] if folder in ("errors", "progress") else sorted((PACKAGE / folder).rglob("*.py"))
    if folder == "cli":  # what belongs to one command may be heavier; app imports it when called
        files = [PACKAGE / "cli" / f"{name}.py" for name in ("app", "train", "sweep", "completion")]
    wrong = [
        f"{file.name} imports {module}"
        for file in files
        for module in imported(parsed(file), everywhere=False)
        if module.split(".")[0] in HEAVY
    ]
    assert wrong == []


def test_a_wrong_import_would_be_found():
    tree = ast.parse("def f():\n    from eqntk_cli.cli import app\n    import eqntk_cli.sweeps.job\n")
    assert "eqntk_cli.sweeps.job" in set(imported(tree))
    assert "eqntk_cli.cli" in set(imported(tree))
    assert list(imported(tree, everywhere=False)) == []


def test_files_are_of_a_size_that_can_be_read():
    long = {str(file.relative_to(PACKAGE)): len(file.read_text().splitlines()) for file in FILES}
    assert {name: lines for name, lines in long.items() if lines > 300} == {}
