"""The worst single point is found where it was planted, with its standard error, and stands in every output."""

import csv
import io
import json

import numpy as np
import pytest
from simulated import World, draw, write_ensemble, write_study

from eqntk_cli.report.analysis import analyse
from eqntk_cli.report.findings.catalogue import tables_of
from eqntk_cli.report.findings.worst_point import WorstPoint
from eqntk_cli.report.page.export import csv_text, json_text
from eqntk_cli.report.page.markdown import markdown_page

WORLD = World(n_train=4, n_test=12, n_ood=2, steps=(0, 10, 30))
MEMBERS = 24
TEST = slice(4, 16)


@pytest.fixture(scope="module", params=[False, True], ids=["independent", "coupled"])
def reported(request, tmp_path_factory):
    """A pair whose means are far apart at one sample, output and step, with the predictions of both ensembles."""
    coupled, study = request.param, tmp_path_factory.mktemp("study")
    write_study(study, WORLD, members=MEMBERS, control=False, coupled=coupled)
    plain = draw(WORLD, "augmented_ensemble", MEMBERS, 64, coupled=coupled)
    plain[:, 2, :, 9, 1] += 5  # sample 9 of the store, output "malignant", after 30 steps
    write_ensemble(study / "augmented-64", WORLD, "augmented_ensemble", MEMBERS, coupled=coupled, values=plain)
    group = draw(WORLD, "gcnn_ensemble", MEMBERS, 64, coupled=coupled)
    of_a = plain.mean(axis=2) if coupled else plain[:, :, 0]
    return coupled, analyse([str(study)], resamples=19), of_a.astype(np.float64), group[:, :, 0].astype(np.float64)


def test_the_planted_point_is_found_with_its_error(reported):
    coupled, report, of_a, of_b = reported
    (worst,) = report.pairs[0].of(WorstPoint)
    assert worst.steps == (10, 30)  # networks at the start have seen nothing
    assert (worst.sample[1], worst.output[1]) == (9, "malignant")
    one, other = of_a[:, 2, 9, 1], of_b[:, 2, 9, 1]
    spread = (one - other).var(ddof=1) if coupled else one.var(ddof=1) + other.var(ddof=1)
    assert worst.difference[1] == pytest.approx(one.mean() - other.mean(), rel=1e-4)
    assert worst.error[1] == pytest.approx(np.sqrt(spread / MEMBERS), rel=1e-4)
    assert worst.deviations[1] == pytest.approx(abs(worst.difference[1]) / worst.error[1])
    both = ((of_a + of_b) / 2).mean(axis=0)[2, TEST]
    assert worst.share[1] == pytest.approx(abs(worst.difference[1]) / np.sqrt(np.mean(both**2)), rel=1e-4)


def test_the_worst_of_all_points_is_taken_at_every_step(reported):
    _, report, of_a, of_b = reported
    (worst,) = report.pairs[0].of(WorstPoint)
    apart = np.abs((of_a - of_b).mean(axis=0))[1, TEST]
    assert abs(worst.difference[0]) == pytest.approx(apart.max(), rel=1e-4)
    sample, output = np.unravel_index(np.argmax(apart), apart.shape)
    assert (worst.sample[0], worst.output[0]) == (4 + sample, WORLD.outputs[output])


def test_one_line_in_the_list_brings_it_into_every_output(reported):
    _, report, *_ = reported
    (worst,) = report.pairs[0].of(WorstPoint)
    entry = json.loads(json_text(report, []))["pairs"][0]["worst_points"][0]
    assert entry["difference"] == pytest.approx(list(worst.difference))
    rows = list(csv.DictReader(io.StringIO(csv_text(tables_of(report)["worst_points"]))))
    assert [(int(row["step"]), int(row["sample"])) for row in rows] == list(zip(worst.steps, worst.sample, strict=True))
    assert "### The worst single point" in markdown_page(report, [])
