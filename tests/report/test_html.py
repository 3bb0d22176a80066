"""The HTML page: well-formed, self-contained, the verdict first, and deaf to whatever a run's name says."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from invented import analysis

from eqntk_cli.report.findings import catalogue
from eqntk_cli.report.findings.catalogue import tables_of
from eqntk_cli.report.model import Analysis, Outcome
from eqntk_cli.report.page.html import html_page
from eqntk_cli.report.paper.drawing import render

HOSTILE = "<script>alert(1)</script><img src=http://x/y onerror=a()> & \" ' {{ 7*7 }} \x1b[31m"
VOID = {"meta", "br", "img", "link", "input", "hr", "path", "use", "rect", "image"}


class Reader(HTMLParser):
    """Collects tags, links and text, and checks that everything that is opened is closed in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and not {"style", "title"} & set(self.open):
            self.text.append(data.strip())


def page_of(made: Analysis, names: tuple[str, ...] = ()) -> str:
    """The page with only the named figures drawn, which saves time; the others count as missing."""
    drawings = catalogue.drawings_of(made)
    drawn = [render(one) for one in drawings if one.name in names]
    missing = [one for one in drawings if one.name not in names]
    return html_page(made, [one for one in drawn if one is not None], missing)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def page() -> str:
    return page_of(analysis(title=HOSTILE), ("pair-1-distance", "pair-1-orbits", "width-1"))


def test_page_needs_nothing_from_outside(page: str) -> None:
    reader = read(page)
    for tag, attributes in reader.tags:
        assert tag not in ("script", "link", "iframe", "object"), tag
        assert not any(name.startswith("on") for name in attributes), attributes
        for name in ("src", "href", "xlink:href", "action"):
            address = attributes.get(name) or ""
            assert address.startswith(("#", "data:image/png", "figures/", "tables/", "report.json")) or not address
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_names_of_runs_stay_words(page: str) -> None:
    assert "<script" not in page
    assert "<img" not in page
    assert "49" not in [word for text in read(page).text if "alert" in text for word in text.split()]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\x1b" not in page


def test_first_line_comes_first(page: str) -> None:
    assert read(page).text[0] == analysis().first_line


def test_missing_controls_are_said_first_and_in_another_tone() -> None:
    page = page_of(analysis(controls=False))
    assert read(page).text[0].startswith("NO CONTROL")
    assert 'class="verdict warned"' in page
    assert 'class="verdict equivalent"' in page_of(analysis())
    assert 'class="verdict different"' in page_of(analysis(outcome=Outcome.DIFFERENT))
    assert "would have seen a difference" in page


def test_sections_tables_and_provenance_are_there(page: str) -> None:
    reader = read(page)
    words = " ".join(reader.text)
    ids = {attributes.get("id") for _, attributes in reader.tags}
    assert {"verdict", "pair-1", "across", "runs", "method", "pair-1-distance", "width-1"} <= ids
    for expected in ("Noise floor", "3 of 3", "eqntk train model=ntk width=512", "eqntk compare-runs runs/*"):
        assert expected in words
    for expected in ("abc1234", "0123456789abcdef", "seed of the resampling 0", "What exactly is compared", "old-run"):
        assert expected in words
    links = {attributes.get("href") for tag, attributes in reader.tags if tag == "a"}
    assert {f"tables/{name}.csv" for name in tables_of(analysis(title=HOSTILE))} <= links
    assert {"figures/pair-1-distance.pdf", "figures/pair-1-distance.svg"} <= links


def test_links_within_the_page_lead_somewhere(page: str) -> None:
    reader = read(page)
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    inner = {href for _, attributes in reader.tags if (href := attributes.get("href") or "").startswith("#")}
    assert inner <= {f"#{one}" for one in ids}


def test_figures_that_cannot_be_drawn_are_named(page: str) -> None:
    assert "variance over members (needs an ntk run with covariance=true)" in " ".join(read(page).text)


def test_dark_and_print_and_phone_have_rules(page: str) -> None:
    for rule in ("prefers-color-scheme: dark", "@media print", "max-width: 40rem", "width=device-width"):
        assert rule in page
    assert page.index("--gcnn_ensemble: #0072b2") < page.index("--gcnn_ensemble: #56b4f9")  # dark overrides light


def test_a_report_without_pairs_says_that_nothing_is_compared() -> None:
    empty = replace(analysis(scaling=False), pairs=(), outcome=Outcome.UNDECIDED)
    assert "nothing is compared" in " ".join(read(page_of(empty)).text)
