"""Figures: what they draw is what the analysis says, as files fit for print and as drawings fit for a page."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from math import nan

import matplotlib
import numpy as np
import pytest
from invented import analysis

from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.groups.planar import dihedral
from eqntk_cli.report.findings import catalogue
from eqntk_cli.report.findings.distance import Distances
from eqntk_cli.report.findings.invariance import OrbitStatistics
from eqntk_cli.report.findings.members import MemberScaling
from eqntk_cli.report.findings.orbit_examples import moved_image
from eqntk_cli.report.findings.variance import VarianceComparison
from eqntk_cli.report.findings.width import WidthScaling, draw_width
from eqntk_cli.report.paper.canvas import inline_svg, shown, styled
from eqntk_cli.report.paper.drawing import Rendered, render
from eqntk_cli.report.paper.style import CONTROLS, MODELS, css_variables

HOSTILE = 'a</svg><script>alert(1)</script> $\\frac{1$ & "q" \x1b[2J \n ' + 60 * "long "


@pytest.fixture(scope="module")
def rendered() -> dict[str, Rendered]:
    """Every figure of a classification report with hostile words in it, and the parity plot of a regression."""
    drawings = catalogue.drawings_of(analysis(title=HOSTILE))
    learned = catalogue.drawings_of(analysis(regression=True))
    chosen = [*drawings, *(one for one in learned if "parity" in one.name or "learning" in one.name)]
    return {one.name: figure for one in chosen if (figure := render(one)) is not None}


def test_every_figure_is_drawn(rendered: dict[str, Rendered]) -> None:
    names = {name.removeprefix("pair-1-") for name in rendered}
    assert names == {
        *("distance", "trajectories", "variance", "invariance", "orbits", "members", "metrics", "parity"),
        *("width-1", "width-2", "extrapolation-1", "learning-1"),
    }


def test_svg_is_xml_of_one_column_width(rendered: dict[str, Rendered]) -> None:
    for name, figure in rendered.items():
        root = ElementTree.fromstring(figure.svg)
        assert root.attrib["width"] == "244.8pt", name  # 3.4 inches


def test_words_in_a_drawing_are_text_that_can_be_searched(rendered: dict[str, Rendered]) -> None:
    for name, figure in rendered.items():
        words = [
            node.text or "" for node in ElementTree.fromstring(figure.svg).iter("{http://www.w3.org/2000/svg}text")
        ]
        assert any(len(one) > 3 for one in words), name
    drawing = rendered["pair-1-trajectories"].inline("f0")
    assert "sample 0, output a" in drawing  # and not "test 0, 2"
    assert "sans-serif" in drawing  # for readers without the font of the drawing


def test_pdf_embeds_truetype_fonts(rendered: dict[str, Rendered]) -> None:
    for name, figure in rendered.items():
        assert figure.pdf.startswith(b"%PDF"), name
        assert b"/FontFile2" in figure.pdf, name
        assert b"/Type3" not in figure.pdf, name


def test_inline_drawings_leave_no_colour_that_a_dark_page_would_hide(rendered: dict[str, Rendered]) -> None:
    for name, figure in rendered.items():
        drawing = re.sub(r"var\(--[\w-]+, #\w+\)", "", figure.inline("f0"))
        drawing = re.sub(r'(href|d|id|clip-path|aria-label)="[^"]*"', "", drawing)
        assert re.findall(r"#[0-9a-f]{6}\b", drawing) == [], name


def test_inline_drawings_are_closed_and_have_ids_of_their_own(rendered: dict[str, Rendered]) -> None:
    for name, figure in rendered.items():
        text = figure.inline("f7").replace("xlink:href", "href")
        root = ElementTree.fromstring(text)
        ids = [node.attrib["id"] for node in root.iter() if "id" in node.attrib]
        assert all(one.startswith("f7-") for one in ids), name
        used = {node.attrib["href"] for node in root.iter() if node.attrib.get("href", "").startswith("#")}
        assert used <= {f"#{one}" for one in ids}, name
        assert "<script" not in text, name
        assert "http" not in text, name


def test_description_is_escaped() -> None:
    text = inline_svg(b'<?xml version="1.0"?><svg width="1pt" height="1pt"></svg>', "f", 'a "b" <c>')
    assert text == '<svg role="img" aria-label="a &quot;b&quot; &lt;c&gt;"></svg>'


def test_distance_draws_the_numbers_of_the_analysis() -> None:
    pair = analysis().pairs[0]
    with styled():
        figure = Distances.draw(pair)
    assert figure is not None
    above, below = figure.axes[:2]
    drawn = {line.get_label(): line for line in above.lines}
    np.testing.assert_array_equal(drawn["augmented - GCNN"].get_ydata(), pair.test.rms_distance[1:])
    np.testing.assert_array_equal(drawn["margin"].get_ydata(), pair.test.margin[1:])
    for control in pair.controls:
        label = CONTROLS[control.control].label
        np.testing.assert_array_equal(drawn[label].get_ydata(), control.comparison.rms_distance[1:])
    ratio = np.array(pair.test.upper_bound[1:]) / pair.test.margin[1:]
    np.testing.assert_allclose(below.lines[0].get_ydata(), ratio)
    assert (above.get_xscale(), above.get_yscale()) == ("log", "log")


def test_width_draws_the_expected_slope_through_the_values() -> None:
    scaling = analysis().of(WidthScaling)[0]
    with styled():
        figure = draw_width(scaling)
    assert figure is not None
    slopes = {}
    for line in figure.axes[0].lines:
        x, y = np.log(line.get_xdata()), np.log(line.get_ydata())
        slopes[str(line.get_label())] = (y[-1] - y[0]) / (x[-1] - x[0])
    assert slopes["expected $n^{-0.5}$"] == pytest.approx(-0.5)
    assert slopes["fit $n^{-0.59 \\pm 0.02}$"] == pytest.approx(scaling.exponent)


def test_nothing_to_draw_is_none_and_named() -> None:
    whole = analysis()
    pair = replace(whole.pairs[0], findings=whole.pairs[0].of(MemberScaling))
    empty = replace(whole, pairs=(pair,), findings=(replace(whole.of(WidthScaling)[0], value=(nan,) * 3),))
    absent = {one.name for one in catalogue.drawings_of(empty) if render(one) is None}
    assert absent == {
        "width-1",
        *(f"pair-1-{n}" for n in ("variance", "invariance", "orbits", "trajectories", "metrics")),
    }


def test_a_start_at_zero_does_not_hide_the_invariance_of_centred_members() -> None:
    pair = analysis().pairs[0]
    moved = tuple(replace(orbit, deviation=(nan, *orbit.deviation[1:])) for orbit in pair.of(OrbitStatistics))
    with styled():
        figure = OrbitStatistics.draw(replace(pair, findings=moved))
    assert figure is not None
    assert any(np.isfinite(np.asarray(line.get_ydata(), dtype=float)).any() for line in figure.axes[0].lines)


def test_no_scatter_of_variances_where_the_limit_has_none() -> None:
    pair = analysis().pairs[0]
    zero = tuple(
        replace(comparison, scatter_predicted=(0.0,) * len(comparison.scatter_predicted))
        for comparison in pair.of(VarianceComparison)
    )
    with styled():
        whole, centred = VarianceComparison.draw(pair), VarianceComparison.draw(replace(pair, findings=zero))
    assert whole is not None
    assert centred is not None
    assert (len(whole.axes), len(centred.axes)) == (2, 1)


def test_no_name_leads_out_of_the_folder_of_figures() -> None:
    whole = analysis(scaling=False)
    pair = replace(whole.pairs[0], name="../../etc/a b<c>")
    names = [one.name for one in catalogue.drawings_of(replace(whole, pairs=(pair,)))]
    assert names[0] == "etc-a-b-c-distance"


def test_orbits_without_images_say_so() -> None:
    (drawing,) = [one for one in catalogue.drawings_of(analysis(images=False)) if one.name == "pair-1-orbits"]
    assert "no images" in drawing.caption
    assert render(drawing) is not None


@pytest.mark.parametrize("number", range(8))
def test_images_are_moved_as_the_group_moves_them(number: int) -> None:
    group, image = dihedral(4), np.arange(25.0).reshape(5, 5)
    moved = group.orbit(PixelGrid(5, 5, 1), image[None, :, :, None])
    expected = np.asarray(moved)[0, number, :, :, 0]
    np.testing.assert_array_equal(moved_image(image, group.elements[number]), expected)


def test_elements_that_are_no_turns_move_no_image() -> None:
    image = np.zeros((2, 3))
    assert moved_image(image, "r60") is None
    assert moved_image(image, "r90") is None  # not square
    assert moved_image(image, "sample 3") is None
    assert moved_image(image, "r180") is not None


def test_drawing_leaves_the_settings_of_the_process_alone() -> None:
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"lines.linewidth": 9.0, "axes.labelpad": 30.0}):
        loud = render(catalogue.drawings_of(analysis())[5])
        assert matplotlib.rcParams["lines.linewidth"] == 9.0
    quiet = render(catalogue.drawings_of(analysis())[5])
    assert dict(matplotlib.rcParams) == before
    assert loud is not None
    assert quiet is not None
    assert loud.svg == quiet.svg  # neither the user's style nor the time is in the file
    assert loud.pdf == quiet.pdf


def test_models_look_different_in_colour_and_marker() -> None:
    looks = [*MODELS.values(), *CONTROLS.values()]
    for feature in ("light", "dark", "marker", "label"):
        assert len({getattr(look, feature) for look in looks}) == len(looks), feature
    assert len(css_variables()) == len(looks) + 4


def test_long_and_unprintable_words_are_cut() -> None:
    assert shown("a\x1b[0m\nb") == "a [0m b"
    assert len(shown(HOSTILE, 30)) == 30
