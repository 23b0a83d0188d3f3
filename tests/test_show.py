"""What chapters put on the page: escaped, with text beside the HTML, the same bytes at every run."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from datetime import date
from html.parser import HTMLParser
from types import SimpleNamespace

import matplotlib
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

matplotlib.use("agg")
from matplotlib import pyplot as plt

from loyalty_helpers.core.findings import Change, Effect, Finding, verdict
from loyalty_helpers.report import show
from loyalty_helpers.report.page import Page
from loyalty_helpers.report.wording import words
from loyalty_helpers.report.wording.findings import grades, sentence

NASTY = '<script>alert("x & y")</script>'
NAN = float("nan")


@pytest.fixture(scope="module", autouse=True)
def shell():
    InteractiveShell.instance()
    yield
    InteractiveShell.clear_instance()


class Text(HTMLParser):
    """The words a reader sees, and every tag and attribute name that makes them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.tags, self.attributes = [], [], {}
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data):
        self.words.append(data)


def shown(function, *arguments, **options) -> list:
    with capture_output() as captured:
        function(*arguments, **options)
    assert captured.stderr == ""
    return captured.outputs


def html(function, *arguments, **options) -> str:
    return "".join(output.data.get("text/html", "") for output in shown(function, *arguments, **options))


def drawing(dense: bool = False, size: float = 10) -> SimpleNamespace:
    figure, ax = plt.subplots(figsize=(6, 3))
    ax.plot([1, 2, 3])
    ax.set_xlabel("会员 per week", fontsize=size)
    return SimpleNamespace(figure=figure, title="Orders <rose>", alt=f"A line; {NASTY}", note="", dense=dense)


@pytest.mark.parametrize("call", [
    lambda: show.say(NASTY), lambda: show.lead(NASTY), lambda: show.note(NASTY),
    lambda: show.actions([(NASTY, NASTY)]), lambda: show.links([("02_scoring", NASTY, NASTY)]),
    lambda: show.table(pd.DataFrame({NASTY: [NASTY]}), NASTY, note=NASTY),
    lambda: show.cards([show.Card(NASTY, NASTY, NASTY, NASTY, "none")], caution=NASTY),
    lambda: show.hero(NASTY, NASTY, [NASTY], kicker=NASTY, grade=("B", NASTY, NASTY, {NASTY: NASTY})),
])
def test_whatever_comes_in_is_shown_and_never_run(call):
    outputs = shown(call)
    page = Text(outputs[0].data["text/html"])
    assert "script" not in page.tags
    assert 'alert("x & y")' in "".join(page.words)
    assert 'alert("x & y")' in outputs[0].data["text/plain"]
    assert not [name for name in page.attributes if name.startswith("on")]


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="*\r")))
def test_say_shows_exactly_the_words(words):
    assert "".join(Text(html(show.say, words)).words).replace("\u00a0", " ") == words.replace("\u00a0", " ")


def test_say_joins_sentences_leaves_out_empty_ones_and_knows_bold():
    assert "<p>One. <strong>Two</strong>.</p>" in html(show.say, "One.", "", "**Two**.")
    assert shown(show.say, "**Two**.")[0].data["text/plain"] == "Two."


def test_a_number_and_its_unit_stay_on_one_line():
    assert "18\u00a0% of 3\u00a0pp, 5 percent" in html(show.say, "18 % of 3 pp, 5 percent")


def test_table_says_what_each_kind_of_cell_is():
    frame = pd.DataFrame({
        "what": ["a", None], "float": [1234.5, NAN], "small": [0.256, 2], "whole": [1234, 2], "yes": [True, False],
        "day": pd.to_datetime(["2025-03-01", None]), "time": pd.to_datetime(["2025-03-01 09:30", None]),
        "written": ["−3 %", "+¥1,250 to +¥1,300"], "words": ["3rd", "of 4"]})
    page = html(show.table, frame, "A caption", note="A note")
    rows = [[cell.split("<")[0] for cell in row.split(">")[1:] if cell.split("<")[0]] for row in page.split("<tr>")[2:]]
    assert rows[0][:9] == ["a", "1,234", "0.26", "1,234", "yes", "2025-03-01", "2025-03-01 09:30", "−3\u00a0%", "3rd"]
    assert rows[1][:9] == ["–", "–", "2.00", "2", "no", "–", "–", "+¥1,250 to +¥1,300", "of 4"]
    right = [part.split(">")[1].split("<")[0] for part in page.split('scope="col"')[1:] if ' class="num"' in part[:13]]
    assert right == ["float", "small", "whole", "day", "time", "written"]
    assert "<caption>A caption</caption>" in page and "A note" in page and page.count('scope="row"') == 2


def test_table_follows_units_and_leaves_the_frame_alone():
    frame = pd.DataFrame({"kpi": ["x"], "share_of": [0.256], "n": [3]})
    before = frame.copy()
    page = html(show.table, frame, "c", units={"share_of": "share"})
    assert '<td class="num">25.6\u00a0%</td><td class="num">3</td>' in page and "share of" in page
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("frame", [pd.DataFrame({"a": []}), pd.DataFrame()])
def test_a_table_without_rows_is_one_line(frame):
    (output,) = shown(show.table, frame, "Pairs of <categories>", note="Of what is in it.", units={"a": "share"})
    page = Text(output.data["text/html"])
    assert "".join(page.words) == output.data["text/plain"] == "Pairs of <categories>: nothing to show."
    assert page.tags == ["div", "p"] and 'class="muted"' in output.data["text/html"]


def test_a_date_is_not_broken_at_its_hyphens():
    frame = pd.DataFrame({"spell": ["2025-08-16 to 2025-11-14, as <planned>"], "2": ["order 12025-08-16"]})
    page = html(show.table, frame, "Dates")
    whole = ['<span class="nowrap">2025-08-16</span>', '<span class="nowrap">2025-11-14</span>']
    assert f'{" to ".join(whole)}, as &lt;planned&gt;</th>' in page and page.count("nowrap") == 2


def test_table_has_plain_text_beside_it():
    plain = shown(show.table, pd.DataFrame({"a": ["x"], "b": [NAN]}), "Caption", note="**Note**")[0].data["text/plain"]
    assert plain.split() == ["Caption", "a", "b", "x", "–", "Note"]


# ---------------------------------------------------------------- the first page's answer and cards
class Chapter(Page):
    """A chapter of the tests."""


def shop(name: str = "Club", launched_on: date | None = date(2025, 3, 3)) -> SimpleNamespace:
    return SimpleNamespace(audience="owner", program=SimpleNamespace(name=name, launched_on=launched_on))


def first_page() -> list[Finding]:
    level = Finding(label="rate", unit="share", estimate=0.41, low=0.38, high=0.44, n=1200)
    return [Change(label="retention", unit="share", kpi="kept", estimate=0.08, low=0.05, high=0.11, p_adjusted=0.001,
                   before=level, after=level), level]


def test_cards_say_their_kind_and_that_changes_are_no_effects(monkeypatch):
    page = html(Chapter(shop(), {}).cards, "first_page")
    assert "changes, not effects" in page
    assert [part.split('"')[0] for part in page.split('class="card ')[1:]] == ["better", "level"]
    assert "<b>▲ rose +8\u00a0pp</b> (+5\u00a0pp to +11\u00a0pp)" in page
    assert "Rate" in page and "95\u00a0% interval 38\u00a0% to 44\u00a0%" in page
    monkeypatch.setitem(globals(), "first_page", lambda: [])
    assert shown(Chapter(shop(), {}).cards, "first_page") == []


def test_hero_sets_the_verdict_its_reasons_and_its_grade():
    effect = Effect(label="Members", unit="lift", estimate=0.18, low=0.03, high=0.35, outcome="orders", rung=3,
                    grade="B")
    page = html(Chapter(shop(), {}).hero, verdict(effect, break_even=0.01), effect)
    assert "The program <em>works</em>" in page and "Club, launched 3 Mar 2025" in page
    assert all(meaning in page for meaning in grades().values())
    assert f"<strong>B</strong> <span>Evidence: {grades()['B']}" in page
    assert page.count(words(sentence(effect))) == 0  # the verdict's own words say it already


def test_hero_says_what_was_seen_where_nobody_can_tell():
    trend = Effect(label="Trend", unit="lift", estimate=0.02, low=-0.1, high=0.15, outcome="orders", rung=2, grade="D",
                   scope="everyone")
    page = html(Chapter(shop(launched_on=None), {}).hero, verdict(trend, why_not="Because.", would_tell="Next year."),
                trend)
    said = [">Club<", "<em>cannot tell yet</em>", "stayed within what its trend predicted", "Because.", "Next year."]
    assert -1 not in (found := [page.find(words) for words in said]) and found == sorted(found)


def test_hero_without_an_effect_gives_no_grade():
    page = html(Chapter(shop(name=""), {}).hero, verdict(None, why_not="No launch date.", would_tell="A date."), None)
    assert "No launch date." in page and "A date." in page and "kicker" not in page
    assert "grade" not in page and "the program works" not in page


def test_lists_without_items_show_nothing():
    assert shown(show.actions, []) == []


@pytest.mark.parametrize("dense", [False, True])
def test_chart_comes_with_claim_and_alt_and_is_closed(dense):
    made = drawing(dense)
    claim, picture = shown(show.chart, made)
    assert "Orders &lt;rose&gt;" in claim.data["text/html"]
    kind = "image/png" if dense else "image/svg+xml"
    facts = picture.metadata[kind]
    assert facts["alt"] == made.alt == picture.data["text/plain"] and facts["title"] == made.title
    assert not plt.fignum_exists(made.figure.number)
    if dense:
        width = int.from_bytes(base64.b64decode(picture.data[kind])[16:20], "big") / 2
    else:
        width = float(ET.fromstring(picture.data[kind]).get("width").removesuffix("pt")) * 4 / 3
    assert facts["width"] == pytest.approx(width, abs=1)


def test_simple_chart_keeps_text_as_text_and_its_bytes():
    first, second = (shown(show.chart, drawing())[1].data["image/svg+xml"] for _ in range(2))
    assert first == second
    assert "会员 per week" in "".join(ET.fromstring(first).itertext())


def test_smallest_letters_are_eleven_pixels_at_the_least_width():
    for size in (5, 8, 10):
        facts = shown(show.chart, drawing(size=size))[1].metadata["image/svg+xml"]
        assert facts["min_width"] / facts["width"] * min(size, 10) * 4 / 3 == pytest.approx(11, rel=0.01)
