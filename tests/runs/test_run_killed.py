"""Runs are killed before, in the middle of and after every step by which a file takes its name; then go on."""

import os
import sys
from pathlib import Path

import pytest
from fake_runs import FakeEnsemble, config, load

from eqntk_cli.config.schema import ModelConfig
from eqntk_cli.errors import UserError
from eqntk_cli.runs import execute as module
from eqntk_cli.runs.execute import execute, resume
from eqntk_cli.runs.grow import grow
from tests.crash.moments import AFTER, BEFORE
from tests.crash.process import FULL, Blow
from tests.crash.studies import Study
from tests.crash.trials import SAME, Workshop

RUN = Path("run")


def made_for(members):
    return config(model=ModelConfig("gcnn_ensemble", width=8, members=members, antithetic=False))


def work(words):
    """What stands for a command line: the numbers of a network cost nothing here."""

    def call():
        try:
            if words[0] == "train":
                execute(made_for(int(words[1])), RUN, load, FakeEnsemble)
            else:
                grow(RUN, int(words[1]), load)
                resume(RUN, load, FakeEnsemble)
        except UserError as error:
            sys.stderr.write(f"{error}\n")
            return 2  # as the command line ends
        return 0

    return call


TRAIN = Study("train", ("train", "5"), lambda _: ("train", "5"))
GROW = Study("grow", ("grow", "7"), lambda _: ("grow", "7"), before=(("train", "3"),))


@pytest.fixture(scope="module", params=[TRAIN, pytest.param(GROW, marks=pytest.mark.slow)], ids=["train", "grow"])
def shop(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module.provenance, "git_commit", lambda: None)
        yield Workshop(request.param, tmp_path_factory.mktemp("crash"), work)


def test_killed_at_some_moments_it_ends_with_the_same_bytes(shop):
    outcomes = [shop.attempt([blow]) for blow in shop.points[shop.kinds // 3 : shop.kinds : 6]]
    assert {outcome.verdict for outcome in outcomes} == {SAME}
    assert sum(outcome.kills for outcome in outcomes) == len(outcomes)


@pytest.mark.slow
def test_killed_at_one_moment_of_every_kind_it_ends_with_the_same_bytes(shop):
    outcomes = [shop.attempt([blow]) for blow in shop.points[: shop.kinds]]
    assert {outcome.verdict for outcome in outcomes} == {SAME}
    struck = {moment for outcome in outcomes for moment in outcome.struck}
    assert {
        "torn replace of record.json",
        "before replace of chunk of prediction",
        "after replace of metrics.csv",
    } < struck
    assert sum(outcome.kills for outcome in outcomes) > 0.8 * len(outcomes)  # the first fall before anything is written


@pytest.mark.slow
def test_killed_twice_and_on_a_full_disk(shop):
    middle = shop.halfway(2, 5)
    for second in (Blow(0, FULL), Blow(shop.steps // 3, FULL), shop.halfway(0, 5)):
        outcome = shop.attempt([middle, second])
        assert (outcome.verdict, len(outcome.struck)) == (SAME, 2)


def test_what_is_lost_is_found(shop):
    assert shop.attempt([shop.halfway(2, 5)], resume=False).verdict != SAME
    assert all(shop.tear(name) for name in shop.files())
    outcome = shop.attempt([Blow(10**6, BEFORE)])  # never reached
    assert (outcome.verdict, outcome.kills, outcome.struck) == (SAME, 0, [])


@pytest.mark.slow
def test_a_writer_that_is_not_atomic_is_found(shop, monkeypatch):
    """The control of the whole: were record.json written in place, half of it would be left, and the run lost."""
    from eqntk_cli.runs import record

    def in_place(path, text):
        path.write_text(text[: len(text) // 2])
        os.rename(path, path)  # a step at which it can be killed
        path.write_text(text)

    monkeypatch.setattr(record, "write_text", in_place)
    verdicts = [shop.attempt([Blow(number, AFTER)]).verdict for number in range(shop.steps)]
    assert any("is damaged" in verdict for verdict in verdicts)
