"""The command that predicts the infinite ensemble, from kernels to numbers, and its refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from eqntk_cli.cli.kernel import kernel
from eqntk_cli.cli.predict import predict
from eqntk_cli.errors import UserError

MLP = ("architecture=mlp", "architecture.hidden_layers=2", "architecture.W_std=1.4", "architecture.b_std=0.1")
FILES = ("--train", "train.npz", "--cross", "cross.npz", "--targets", "y.npy", "--out", "p.npz")


def invoke(command, *words: str):
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, list(words))


def loaded(path: str | Path):
    """The arrays of a npz or npy file; the file is closed again."""
    stored = np.load(path)
    if isinstance(stored, np.ndarray):
        return stored
    with stored:
        return dict(stored)


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    """Made-up kernels of 6 training and 4 test points in an empty folder."""
    monkeypatch.chdir(tmp_path)
    a, b = np.random.default_rng(0).normal(size=(2, 10, 20))
    nngp, ntk = a @ a.T / 20, a @ a.T / 20 + b @ b.T / 20
    blocks = {"train": np.s_[:6, :6], "cross": np.s_[6:, :6], "test": np.s_[6:, 6:]}
    for name, part in blocks.items():
        np.savez(f"{name}.npz", nngp=nngp[part], ntk=ntk[part])
    np.save("y.npy", np.random.default_rng(1).normal(size=(6, 3)))
    return {name: (nngp[part], ntk[part]) for name, part in blocks.items()}


def test_kernel_and_predict_give_the_values_of_an_independent_library(tmp_path, monkeypatch, reference_root):
    monkeypatch.chdir(tmp_path)
    values = loaded(reference_root / "planar_kernels.npz")
    for name in ("x", "x_test", "y"):
        np.save(f"{name}.npy", values[f"dyn/{name}"])
    options = ("group=c1", "precision=float64", *MLP)
    for out, words in {"train": ("x",), "cross": ("x_test", "x"), "test": ("x_test",)}.items():
        sides = [word for side, name in zip(("--x1", "--x2"), words, strict=False) for word in (side, f"{name}.npy")]
        assert invoke(kernel, *sides, "--out", f"{out}.npz", *options).exit_code == 0
    for driving in ("ntk", "nngp"):
        # the library divides time by N * outputs = 24, we by N = 12
        done = invoke(predict, *FILES, "--test", "test.npz", "--time", "0.25,2.5,25,inf", "--kernel", driving)
        assert done.exit_code == 0, done.exception
        got = loaded("p.npz")
        for row, time in enumerate(("0.5", "5.0", "50.0", "inf")):
            want = {name: values[f"dyn/{driving}/t={time}/{name}"] for name in ("mean", "cov")}
            np.testing.assert_allclose(got["mean"][row], want["mean"], rtol=1e-11, atol=1e-12)
            np.testing.assert_allclose(got["covariance"][row], want["cov"], rtol=1e-11, atol=1e-12)


def test_steps_are_those_of_gradient_descent(kernels):
    done = invoke(predict, *FILES, "--steps", "0,3", "--step-size", "0.4", "--ridge", "0.2", "--json")
    assert done.exit_code == 0, done.exception
    targets, moved = loaded("y.npy"), np.zeros((6, 3))
    for _ in range(3):
        moved -= 0.4 / 6 * (kernels["train"][1] @ moved - targets + 0.2 * moved)
    got = loaded("p.npz")
    np.testing.assert_array_equal(got["times"], [0, 3])
    np.testing.assert_array_equal(got["mean"][0], 0)
    np.testing.assert_allclose(got["mean"][1], kernels["cross"][1] @ moved, rtol=1e-12)
    assert "covariance" not in got
    summary = json.loads(done.output)
    eigenvalues = np.linalg.eigvalsh(kernels["train"][1]) + 0.2
    assert summary["condition_number"] == pytest.approx(eigenvalues[-1] / eigenvalues[0])
    assert summary["stability_limit"] == pytest.approx(12 / eigenvalues[-1])


def test_nngp_with_ridge_is_the_posterior(kernels):
    done = invoke(predict, *FILES, "--test", "test.npz", "--time", "inf", "--kernel", "nngp", "--ridge", "0.3")
    assert done.exit_code == 0, done.exception
    gain = kernels["cross"][0] @ np.linalg.inv(kernels["train"][0] + 0.3 * np.eye(6))
    np.testing.assert_allclose(loaded("p.npz")["mean"][0], gain @ loaded("y.npy"), rtol=1e-11)
    want = kernels["test"][0] - gain @ kernels["cross"][0].T
    np.testing.assert_allclose(loaded("p.npz")["covariance"][0], want, rtol=1e-10)


@pytest.mark.usefixtures("kernels")
def test_targets_of_one_output_may_be_a_vector():
    np.save("y.npy", loaded("y.npy")[:, 0])
    assert invoke(predict, *FILES, "--time", "1").exit_code == 0
    assert loaded("p.npz")["mean"].shape == (1, 4, 1)


def damage(name: str) -> None:
    if name == "no ntk":
        np.savez("train.npz", nngp=np.eye(6))
    if name == "an array":
        np.save("array.npy", np.eye(6))
        Path("array.npy").replace("train.npz")
    if name == "nan":
        np.savez("cross.npz", nngp=np.full((4, 6), np.nan), ntk=np.ones((4, 6)))
    if name == "swapped":
        np.savez("cross.npz", nngp=np.ones((6, 4)), ntk=np.ones((6, 4)))
    if name == "few targets":
        np.save("y.npy", np.ones((5, 3)))
    if name == "singular":
        np.savez("train.npz", nngp=np.ones((6, 6)), ntk=np.ones((6, 6)))
    if name == "cut":
        Path("train.npz").write_bytes(Path("train.npz").read_bytes()[:400])


@pytest.mark.parametrize(
    ("damaged", "words", "message"),
    [
        ("", (), "either --steps with --step-size, or --time"),
        ("", ("--steps", "1", "--time", "1"), "either --steps"),
        ("", ("--steps", "1"), "--steps needs --step-size"),
        ("", ("--time", "1", "--step-size", "1"), "--step-size belongs to --steps"),
        ("", ("--time", "1,x"), "--time 1,x is not possible"),
        ("", ("--time", "-1"), "times=-1"),
        ("", ("--steps", "1.5", "--step-size", "1"), "whole numbers"),
        ("", ("--steps", "1", "--step-size", "1e3"), "stability limit"),
        ("", ("--time", "1", "--ridge", "-1"), "ridge=-1"),
        ("", ("--time", "1", "--test", "gone.npz"), "no file gone.npz"),
        ("", ("--time", "1", "--test", "cross.npz"), "test x test has shape"),
        ("no ntk", ("--time", "1"), "no array ntk.*holds nngp"),
        ("an array", ("--time", "1"), "no npz archive"),
        ("nan", ("--time", "1"), "nngp in cross.npz holds NaN"),
        ("swapped", ("--time", "1"), "4 columns; expected 6.*transpose"),
        ("few targets", ("--time", "1"), "5 rows of targets for 6"),
        ("singular", ("--time", "1,inf"), "numerically singular for time inf.*add a ridge.*float64"),
        ("cut", ("--time", "1"), "train.npz"),
    ],
)
@pytest.mark.usefixtures("kernels")
def test_a_mistake_is_one_line(damaged, words, message):
    damage(damaged)
    done = invoke(predict, *FILES, *words)
    assert isinstance(done.exception, UserError), (done.exception, done.output)
    with pytest.raises(UserError, match=message):
        raise done.exception
    assert "\n" not in str(done.exception)
    assert ("cannot be read" in str(done.exception)) == (damaged == "cut")  # one reason, not wrapped in another
    assert not Path("p.npz").exists()
