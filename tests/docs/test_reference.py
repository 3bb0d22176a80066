"""What the pages of the reference show is documented: an example that runs, axes of arrays, errors that are raised."""

import ast
import doctest
import inspect
import re
import textwrap
from importlib import import_module
from pathlib import Path

import pytest
import yaml

import eqntk_cli
from eqntk_cli import errors

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "reference").glob("*.md"))
SLOW = {"sweep", "compare", "open_run"}  # runs, each with a program of its own
SLOW |= {"Activation", "StreamKernel", "pair_kernel", "MoleculeKernel", "FourierGroupConv"}  # much to compile
_SHAPED = {"Float", "Int", "Num", "Bool", "Key", "Shaped"}  # of jaxtyping


def shown():
    """(module, name) of every object on a page: `::: module` with the list of its members."""
    for page in PAGES:
        blocks = re.findall(r"^::: ([\w.]+)\n((?:    .*\n)+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        for module, options in blocks:
            for name in yaml.safe_load(options)["options"]["members"]:
                yield module, name


PUBLIC = list(shown())
OBJECTS = [pytest.param(*one, id=one[1]) for one in PUBLIC]


def functions_of(thing):
    """A function itself, or the public methods that a class defines."""
    if inspect.isfunction(thing) or not inspect.isclass(thing):
        return [inspect.unwrap(thing)]
    members = [getattr(member, "fget", None) or getattr(member, "__func__", member) for member in vars(thing).values()]
    functions = [one for one in members if inspect.isfunction(one)]
    return [one for one in functions if one.__name__ == "__call__" or not one.__name__.startswith("_")]


def bare_arrays(annotation):
    """Arrays in an annotation of which neither axes nor kind of number are said."""
    if isinstance(annotation, ast.Subscript) and getattr(annotation.value, "id", "") in _SHAPED:
        return []
    here = [ast.unparse(annotation)] if ast.unparse(annotation) in ("np.ndarray", "Array", "jax.Array") else []
    return here + [name for child in ast.iter_child_nodes(annotation) for name in bare_arrays(child)]


def test_the_interface_is_shown_whole_and_nothing_twice():
    assert {name for module, name in PUBLIC if module.startswith("eqntk_cli.interface")} == set(eqntk_cli.__all__)
    assert len(set(PUBLIC)) == len(PUBLIC) > 140


@pytest.mark.parametrize(
    ("module", "name"),
    [pytest.param(module, name, id=name, marks=[pytest.mark.slow] if name in SLOW else []) for module, name in PUBLIC],
)
def test_the_example_gives_what_stands_there(module, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = vars(import_module(module))
    (example,) = doctest.DocTestFinder(recurse=False).find(names[name], name, globs=dict(names))
    assert any(line.want.strip() for line in example.examples), "no number that could be wrong"
    said = []
    assert doctest.DocTestRunner().run(example, out=said.append).failed == 0, "".join(said)


@pytest.mark.parametrize(("module", "name"), OBJECTS)
def test_errors_that_are_raised_are_named(module, name):
    thing = getattr(import_module(module), name)
    for function in functions_of(thing):
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        raised = {
            node.exc.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
        }
        users = {error for error in raised if hasattr(errors, error)}
        words = f"{inspect.getdoc(thing)}\n{inspect.getdoc(function)}"
        assert all(re.search(rf"\b{error}\b", words) for error in users), (function.__qualname__, users)


@pytest.mark.parametrize(("module", "name"), OBJECTS)
def test_arrays_have_their_axes(module, name):
    for function in functions_of(getattr(import_module(module), name)):
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
        hints = [argument.annotation for argument in (*tree.args.args, *tree.args.kwonlyargs)] + [tree.returns]
        bare = [hint for annotation in hints if annotation is not None for hint in bare_arrays(annotation)]
        said = (function.__doc__ or "").partition("Examples:")[0]  # the calls of examples have brackets, too
        assert not bare or re.search(r"\(\w[^()]*, [^()]*\)|shape", said), function.__qualname__
