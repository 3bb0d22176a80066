from eqntk_cli.cli import doctor
from tests.cli.console import real


def test_every_line_says_how_it_stands(tmp_path):
    answer = real("doctor", folder=tmp_path)
    assert answer.status == 0, answer.out
    subjects = [line.split()[1] for line in answer.out.splitlines()]
    assert {"python", "packages", "devices", "precision", "memory", "disk", "data", "tracking", "launchers"} <= set(
        subjects
    )
    assert {line.split()[0] for line in answer.out.splitlines()} <= {"ok", "note"}
    assert "digits" in answer.out


def test_problems_come_with_their_remedy_and_a_status(tmp_path):
    answer = real("doctor", folder=tmp_path, EQNTK_DATA="/nowhere", JAX_PLATFORMS="nonsense")
    assert answer.status == 2
    problems = [line for line in answer.out.splitlines() if line.startswith("problem")]
    assert {line.split()[1] for line in problems} == {"devices", "data"}
    assert "JAX_PLATFORMS" in problems[0]
    assert "EQNTK_DATA=/nowhere is no folder" in problems[1]
    assert answer.err == ""


def test_a_package_that_is_missing(monkeypatch):
    monkeypatch.setattr(doctor, "_PACKAGES", ("numpy", "no-such-package"))
    states = {finding.subject: finding for finding in doctor.versions()}
    assert states["packages"].state == "problem"
    assert "no-such-package" in states["packages"].text


def test_precision_is_left_as_it_was():
    import jax

    for before in (False, True):
        jax.config.update("jax_enable_x64", before)
        list(doctor.devices())
        assert jax.config.read("jax_enable_x64") is before
