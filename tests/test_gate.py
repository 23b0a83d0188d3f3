"""The door: nothing of 1 to k - 1 persons leaves a page that others read, nor what it could be worked out from."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, replace
from itertools import product

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib import pyplot as plt

from loyalty_helpers.core import packed
from loyalty_helpers.core.findings import NOUNS, Change, Effect, Finding, Verdict
from loyalty_helpers.core.messages import Listed, Number, Persons, message
from loyalty_helpers.core.settings import UserError, load_client
from loyalty_helpers.report import gate, tables
from loyalty_helpers.report.charts.marks import Chart
from loyalty_helpers.report.page import Page
from loyalty_helpers.report.wording import findings as wording
from loyalty_helpers.report.wording import words

mpl.use("agg")
K, NAN = 5, float("nan")
# What is declared is said a second time here, so that a declaration that is lost or forgotten is missed. Whoever adds
# a column or a table says it in both places.
PERSONS = {"customers", "members", "joiners", "answers", "n_treated", "n_comparison"}
WITHIN = {"segments": ("scheme",), "choices": ("option",), "comments": ("group", "theme"),
          "power": ("design",), "since_joining": ("first",)}
# columns that count persons in that table alone
IN_ONE_TABLE: dict[str, set[str]] = {"choices": {"n"}, "comments": {"n", "comments"}, "compared_joiners": {"number"}}
HITS: dict[str, set[tuple[str, str]]] = {}  # shares of persons, and the column of their n
NO_PERSONS = {"order", "week", "test"}


def sees(found, name=""):
    return gate.seen(found, K, name)


def finding(estimate: float, n: int, **more) -> Finding:
    return Finding(**{"label": "repeat rate", "unit": "share", "estimate": estimate, "low": 0.0, "high": 1.0, "n": n}
                   | more)


# ---------------------------------------------------------------- declarations
def test_all_declarations_are_said_twice():
    assert {name for name, column in tables.COLUMNS.items() if column.persons} == PERSONS
    for part, known in (("within", WITHIN), ("persons", IN_ONE_TABLE), ("hits", HITS)):
        assert {name: type(known[name])(getattr(table, part)) if name in known else getattr(table, part)
                for name, table in tables.TABLES.items() if getattr(table, part)} == known
    assert {noun for noun, person in NOUNS.items() if not person} == NO_PERSONS


@pytest.mark.parametrize("cells", [[3, 40], [3.0, 40.0], [3, None], ["a", 3], [np.int64(3), "b"]])
def test_whole_numbers_that_nobody_declared_are_refused(cells):
    frame = pd.DataFrame({"who": ["x", "y"], "visitors": pd.Series(cells)})
    with pytest.raises(ValueError, match=r"Declare in report/tables\.py whether these columns count persons: visitors"):
        sees(frame)
    assert gate.seen(frame, 1) is frame


def test_parts_texts_and_truth_values_need_no_declaration():
    frame = pd.DataFrame({"who": ["x", "y"], "part": [0.5, 1.0], "yes": [True, False], "at": pd.Timestamp(0)})
    pd.testing.assert_frame_equal(sees(frame), frame)


def test_what_a_finding_rests_on_must_be_known():
    with pytest.raises(ValueError, match="whether a 'guest' is a person"):
        sees(finding(0.5, 100, n_noun="guest"))


# ---------------------------------------------------------------- tables
def table_of(*customers: float, **more) -> pd.DataFrame:
    return pd.DataFrame({"group": [*"abcdefgh"[:len(customers)]], "customers": customers} | more)


@pytest.mark.parametrize(("cells", "shown"), [
    ([50, 7, 30], [50, 7, 30]),
    ([50, 3, 7, 30], [50, None, None, 30]),  # or 3 = total - 50 - 7 - 30
    ([50, 3, 2, 30], [50, None, None, 30]),
    ([50, 1, 2, 30], [50, None, None, None]),  # or 1 + 2 = 3 leaves two ways only
    ([1, 1, 1, 1, 1, 9, 30], [None] * 6 + [30]),  # or 5 of 5 hidden are one each
    ([50, 0, 3, 30, 60], [50, 0, None, None, 60]),  # 0 says that there is nobody
    ([3, 0], [None, 0]),  # the whole is as small
    ([4, NAN, 30], [None, None, None]),
    ([], []),
])
def test_small_cells_are_hidden_with_those_that_would_tell_them(cells, shown):
    assert [None if pd.isna(one) else one for one in sees(table_of(*cells))["customers"]] == shown


def test_what_rests_on_a_hidden_cell_goes_with_it_and_nothing_else(monkeypatch):
    table = table_of(3, 6, 90, spend=[1.5, 2.5, 3.5], share=[0.25, 0.5, 0.25], text=["x", "y", "z"])
    assert sees(table)[["spend", "share"]].isna().all(axis=1).tolist() == [True, True, False]
    monkeypatch.setitem(tables.TABLES, "narrow", tables.Table(figures=("spend",)))
    found = sees(table, "narrow")
    assert found["spend"].isna().tolist() == [True, True, False]
    pd.testing.assert_frame_equal(found[["share", "text", "group"]], table[["share", "text", "group"]])
    assert table["customers"].tolist() == [3, 6, 90]


def ways(hidden: list[int], k: int) -> list[tuple[int, ...]]:
    """All that the hidden cells could be to somebody who knows their total, that one of them is small and none is 0."""
    total = sum(hidden)
    return [way for way in product(range(1, total + 1), repeat=len(hidden)) if sum(way) == total and min(way) < k]


@given(st.lists(st.integers(0, 9), max_size=4), st.integers(2, 6))
def test_no_hidden_cell_can_be_worked_out(cells, k):
    found = gate.seen(table_of(*cells), k)["customers"]
    assert not found.between(1, k - 1).any()
    pd.testing.assert_series_equal(gate.seen(table_of(*found), k)["customers"], found)  # hidden once is hidden enough
    hidden = [cell for cell, one in zip(cells, found, strict=True) if np.isnan(one)]
    if hidden and any(one > 0 for one in found):
        assert all(len({way[i] for way in ways(hidden, k)}) > 1 for i in range(len(hidden)))


@given(st.data(), st.sampled_from([*sorted(WITHIN), *sorted(IN_ONE_TABLE), ""]))
def test_nor_from_the_total_of_its_group(data, name):
    """Tables of every kind that is declared: each group's counts add up to a number that is known."""
    column = data.draw(st.sampled_from(sorted(PERSONS | IN_ONE_TABLE.get(name, set()))))
    groups = data.draw(st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=4), min_size=1, max_size=3))
    rows = [(f"group {i}", n) for i, cells in enumerate(groups) for n in cells]
    frame = pd.DataFrame(rows, columns=["of", column]).assign(spend=0.5)
    for within in WITHIN.get(name, ()):
        frame[within] = frame["of"]
    found = sees(frame, name)
    assert not found[column].between(1, K - 1).any() and found.loc[found[column].isna(), "spend"].isna().all()
    for _, cells in found.groupby(frame["of"] if name in WITHIN else lambda _: 0):
        hidden = frame.loc[cells.index[cells[column].isna()], column]
        assert hidden.empty or not (cells[column] > 0).any() or (len(hidden) > 1 and hidden.sum() >= K)


@given(st.integers(0, 200), st.integers(0, 200))
def test_no_share_tells_of_a_few(hits, others):
    n = hits + others
    if n:
        levels = pd.DataFrame({"unit": ["share"], "before": [hits / n], "n_before": [n], "before_low": [0.0],
                               "after": [0.5], "n_after": [1000], "change": [0.1], "p_value": [0.5]})
        found = sees(levels).iloc[0]
        small = any(1 <= one < K for one in (hits, others, n))
        assert np.isnan(found["before"]) == np.isnan(found["change"]) == np.isnan(found["before_low"]) == small
        assert found["after"] == 0.5 and np.isnan(found["n_before"]) == (1 <= n < K)
        orders = sees(levels.assign(unit="orders")).iloc[0]  # orders a head of many tell of nobody
        assert np.isnan(orders["before"]) == (1 <= n < K)


@pytest.mark.parametrize("name", [*sorted(HITS), "made here"])
def test_shares_declared_as_such_neither(name, monkeypatch):
    monkeypatch.setitem(tables.TABLES, "made here", tables.Table(hits=(("recall", "customers"),)))
    for share, n in HITS.get(name, {("recall", "customers")}):
        frame = pd.DataFrame({share: [0.02, 0.98, 0.5, 0.0], n: [100] * 4, "low": 0.01, "high": 0.99})
        assert sees(frame, name)[[share, "low", "high"]].isna().all(axis=1).tolist() == [True, True, False, False]


def test_a_table_of_money_says_nothing_where_a_few_members_are_behind_it():
    money = pd.DataFrame({"item": ["members", "spending"], "value": [3.0, 99.5], "low": [NAN, 1.5],
                          "unit": ["members", "EUR"]})
    assert sees(money)[["value", "low"]].isna().all(axis=None)
    assert sees(money.assign(value=[30.0, 99.5]))["value"].tolist() == [30, 99.5]


# ---------------------------------------------------------------- findings
@pytest.mark.parametrize("noun", sorted(NOUNS))
def test_every_noun_for_persons_hides_few_of_them(noun):
    for one in (finding(0.5, 4, n_noun=noun), finding(0.03, 100, n_noun=noun), finding(0.97, 100, n_noun=noun)):
        said = sees(one)
        assert said.measurable == (noun in NO_PERSONS)
        if not said.measurable:
            assert said.n == 0 and words(said.note) == "these are too few customers for a report that others read"
            assert np.isnan([said.low, said.high]).all()
    counts = words(sees(wording.counted(finding(0.5, 4, n_noun=noun))))  # as a cell of a table
    assert counts.startswith("4 " if noun in NO_PERSONS else "fewer than 5 ")
    assert sees(finding(0.5, 100, n_noun=noun)).measurable and sees(finding(0.0, 100, n_noun=noun)).measurable
    assert gate.seen(finding(0.5, 4, n_noun=noun), 1).measurable


def test_a_share_of_money_counts_nobody():
    assert sees(finding(0.03, 100, hits=False)).measurable and sees(finding(0.03, 100, unit="days")).measurable
    assert not sees(finding(0.5, 4, hits=False)).measurable


def change(before: Finding, after: Finding, **more) -> Change:
    return Change(kpi="kept", label="retention", unit="share", estimate=0.1, low=0.0, high=0.2, n=200, p_value=0.04,
                  p_adjusted=0.04, before=before, after=after, **more)


def test_a_change_goes_with_either_level():
    one = change(finding(0.5, 100), finding(0.02, 100))
    said = sees(one)
    assert said.verdict == "not measurable" and np.isnan([said.p_value, said.p_adjusted, said.estimate]).all()
    assert said.before.measurable and not said.after.measurable
    assert sees(change(finding(0.5, 100), finding(0.6, 100))).measurable


def test_parts_of_one_whole_are_hidden_together():
    """Who stayed, rose and fell are all of them: of two the third could be worked out."""
    stayed, rose, fell = (finding(share, 100, whole="moves") for share in (0.5, 0.47, 0.03))
    assert not any(one.measurable for one in sees([stayed, rose, fell]))
    assert all(one.measurable for one in sees([stayed, rose, finding(0.5, 100)]))
    moves = [change(level, level, whole="moves") for level in (stayed, fell)]
    assert not any(one.measurable or one.before.measurable for one in sees(moves))


def effect(**more) -> Effect:
    return Effect(**{"label": "members", "unit": "lift", "estimate": 0.1, "low": 0.0, "high": 0.2, "outcome": "orders",
                     "rung": 3, "grade": "B", "n": 90, "n_noun": "joiner", "n_treated": 90, "n_comparison": 500,
                     "ess": 70.0, "placebo": 0.01} | more)


@pytest.mark.parametrize("few", ["n", "n_treated", "n_comparison"])
def test_an_effect_of_a_few_says_nothing(few):
    said = sees(effect(**{few: 4}, refused="few", diagnostics={"kappa": 1.1}))
    assert not said.measurable and (said.n, said.n_treated, said.n_comparison) == (0, 0, 0)
    assert np.isnan([said.ess, said.placebo]).all() and said.refused is None and said.diagnostics == {}
    assert not sees(effect(cross_check=effect(**{few: 4}))).cross_check.measurable


def test_an_effect_names_no_small_number_of_members_set_aside():
    aside = {"left early": 3, "joined before": 20}
    counts = Listed(tuple(message("n-member", n=Persons(n)) for n in aside.values()))
    note = message("list-series", most=counts, last="x")
    said = sees(effect(note=note, diagnostics={"set_aside": aside, "kappa": 1.1}))
    assert said.measurable and said.diagnostics["kappa"] == 1.1
    assert all(np.isnan(n) for n in said.diagnostics["set_aside"].values())
    assert words(said.note) == "some members, some members and x"  # 20 would tell 3, where all are known
    assert sees(effect(diagnostics={"set_aside": {"left early": 30}})).diagnostics == {"set_aside": {"left early": 30}}


# ---------------------------------------------------------------- messages, and whatever holds all these
@pytest.mark.parametrize(("persons", "said"), [
    (Persons(3), "fewer than 5 members"), (Persons(3, of=90), "fewer than 5 members"), (Persons(0), "0 members"),
    (Persons(87, of=90), "nearly all members"), (Persons(90, of=90), "90 members"), (Persons(5), "5 members"),
    (Persons(1200), "1,200 members"),
])
def test_neither_a_few_nor_all_but_a_few_are_counted_in_words(persons, said):
    assert words(sees(message("n-member", n=persons))) == said
    assert words(gate.seen(message("n-member", n=persons), 1)).startswith(f"{persons.n:,}")


@pytest.mark.parametrize(("rests", "said"), [(Persons(3), "–"), (Persons(88, of=90), "–"), (Persons(30), "€12"),
                                             (None, "€12")])
def test_a_number_that_rests_on_a_few_is_not_said(rests, said):
    assert words(sees(message("list-series", most="", last=Number(12, "EUR", rests_on=rests)))) == f" and {said}"


few = st.integers(0, 30)
facts = st.recursive(
    st.one_of(few.map(Persons), st.tuples(few, few).map(lambda two: Persons(min(two), of=max(two))),
              few.map(lambda n: Number(77.0, rests_on=Persons(n))), few.map(lambda n: finding(0.5, n))),
    lambda inner: st.one_of(st.lists(inner, min_size=1, max_size=3).map(lambda items: Listed(tuple(items))),
                            inner.map(lambda fact: message("list-series", most="all", last=fact))), max_leaves=8)


@dataclass(frozen=True)
class Found:
    """What a room may give: numbers in every shape."""

    frame: pd.DataFrame
    segments: pd.DataFrame
    said: tuple
    by_name: dict


@given(facts, st.integers(0, 30))
def test_in_whatever_it_is_held_no_small_number_is_readable(fact, n):
    frame, said = table_of(n, 60), message("list-series", most="all", last=fact)
    grouped = pd.DataFrame({"scheme": ["a", "a", "b"], "customers": [n, 60, 70]})
    found = sees(Found(frame.assign(text=pd.Series([said, Persons(n)], dtype=object)), grouped, (said, [said]),
                       {"segments": grouped, "other": said}), "other")
    for one in (found.frame, found.segments, found.by_name["segments"]):
        assert not one["customers"].between(1, K - 1).any()
    for one in (found.segments, found.by_name["segments"]):  # the field's own declaration, not that of the whole
        assert one["customers"].isna().tolist() == [1 <= n < K] * 2 + [False]
    texts = [*map(words, found.frame["text"]), words(found.said[0]), words(found.said[1][0]),
             words(found.by_name["other"])]
    assert not [text for text in texts if re.search(r"(?<!than )(?<!\d)[1-4](?!\d)", text.replace(f"than {K}", ""))]


def test_the_owner_sees_everything():
    found = Found(table_of(1, 2, 3), table_of(4), (message("n-member", n=Persons(1)),), {"x": finding(0.5, 1)})
    assert gate.seen(found, 1) is found


# ---------------------------------------------------------------- the page: every way out
class Chapter(Page):
    """A chapter of the tests, whose sentences and charts are the functions below."""


def counted(frame: pd.DataFrame) -> list:
    assert not frame["customers"].between(1, K - 1).any()  # what is said is made of what may be seen
    return [message("n-customer", n=Persons(3)), finding(0.5, 4)]


def first_steps() -> list:
    return [(message("n-customer", n=Persons(3)), message("n-member", n=Persons(4)))]


def levels() -> list:
    return [finding(0.5, 4), finding(0.5, 400), change(finding(0.5, 100), finding(0.02, 100))]


def drawn(frame: pd.DataFrame) -> Chart:
    figure, ax = plt.subplots()
    ax.bar(frame["group"], frame["customers"])
    ax.set_yticks([])
    return Chart(figure, message("n-customer", n=Persons(3)), message("n-member", n=Persons(4)), note="")


@pytest.fixture(scope="module", autouse=True)
def shell():
    InteractiveShell.instance()
    yield
    InteractiveShell.clear_instance()


@pytest.fixture
def page(tmp_path) -> Chapter:
    folder = tmp_path / "data/acme"
    folder.mkdir(parents=True)
    (folder / "client.yml").write_text("name: Acme\ncurrency: EUR\ntime_zone: Europe/Berlin\naudience: shared\n"
                                       "sources:\n  orders: orders.csv\n", encoding="utf-8")
    frames = {"orders": pd.DataFrame({"amount": [1.5] * 70}), "customers": pd.DataFrame({"customer_id": [*"abc"]})}
    return Chapter(load_client("acme", tmp_path), frames)


def verdict() -> Verdict:
    return Verdict(key="cannot_tell", words=message("verdict-cannot-tell-words"),
                   sentence=message("verdict-cannot-tell"), because=(message("n-member", n=Persons(4)),),
                   would_tell=message("n-customer", n=Persons(3)))


ROWS = table_of(3, 6, 90, note=pd.Series([message("n-member", n=Persons(2)), "", ""], dtype=object))
WAYS_OUT = {
    "loaded": lambda page: page.loaded(),
    "lead": lambda page: page.lead("counted", ROWS),
    "say": lambda page: page.say("counted", ROWS),
    "say a message": lambda page: page.say(message("n-customer", n=Persons(3)), finding(0.5, 4)),
    "note": lambda page: page.note("counted", ROWS),
    "actions": lambda page: page.actions("first_steps"),
    "cards": lambda page: page.cards("levels"),
    "hero": lambda page: page.hero(verdict(), effect(grade="D", rung=2, n=4)),
    "table": lambda page: page.table(ROWS, "best_evidence", note=message("n-customer", n=Persons(3))),
    "chart": lambda page: page.chart("drawn", ROWS),
}


@pytest.mark.parametrize("way", sorted(WAYS_OUT))
def test_no_way_out_lets_a_small_number_through(page, way, monkeypatch):
    monkeypatch.setattr(Chapter, "charts", sys.modules[__name__])
    with capture_output() as captured:
        WAYS_OUT[way](page)
    text = " ".join(str(part) for output in captured.outputs for part in (
        output.data.get("text/plain", ""), output.data.get("text/html", ""), json.dumps(output.metadata)))
    assert captured.outputs and ("fewer than 5" in text or "too few" in text)
    said = re.sub(r"<[^>]*>|fewer than \d|[\d.]+ ?(?:%|pp)|[\"\w]*width\": \d+", "", text)
    assert re.findall(r"(?<![\d.,])[1-46](?![\d.,])", said) == []


def test_nor_does_a_file(page):
    page.keep("kept", ROWS)
    page.hand_on("handed", {"one": finding(0.5, 4), "said": message("n-customer", n=Persons(3)), "rows": [effect(n=3)]})
    page.publish("published", {"said": message("n-customer", n=Persons(3)), "rows": [{"x": 1}]})
    kept = pd.read_csv(page.shop.results / "kept.csv")
    assert kept["customers"].isna().tolist() == [True, True, False] and kept["note"][0] == "fewer than 5 members"
    handed = page.handed("handed")
    assert not handed["one"].measurable and words(handed["said"]) == "fewer than 5 customers"
    assert not handed["rows"][0].measurable and np.isnan(handed["rows"][0].estimate)
    published = json.loads((page.shop.results / "published.json").read_text(encoding="utf-8"))
    assert published == {"said": "fewer than 5 customers", "rows": [{"x": 1}]}


def test_a_list_of_customers_is_nobodys_to_see(page):
    listed = pd.DataFrame({"customer_id": ["a"], "customers": [1]})
    for out in (lambda: page.table(listed, "segments"), lambda: page.keep("segments", listed)):
        with pytest.raises(ValueError, match=r"is a list of customers: keep it with store\.save_private"):
            out()
    pd.testing.assert_frame_equal(page.seen(listed), listed)  # objects hold them for their own use


def test_the_owner_is_told_all_that_others_are_not(page):
    page = Chapter(replace(page.shop, audience="owner"), page.frames)
    with capture_output() as captured:
        page.say(message("n-customer", n=Persons(3)), finding(0.5, 4))
        page.loaded()
    said = " ".join(output.data["text/plain"] for output in captured.outputs)
    assert said.startswith("3 customers Repeat rate: 50 % (95 % interval 0 % to 100 %; 4 customers).")
    assert "of 3 identified customers" in said and "for others" not in said


def test_what_is_handed_on_comes_back_as_it_was(page):
    page = Chapter(replace(page.shop, audience="owner"), {})
    found = {"list": [effect(cross_check=effect()), change(finding(0.5, 3), finding(NAN, 0)), verdict()],
             "day": pd.Timestamp("2025-03-03").date(), "far": float("inf"), "none": None, "n": np.int64(3), "yes": True}
    page.hand_on("all", found)
    back = page.handed("all")
    assert repr(back | {"list": []}) == repr(found | {"list": [], "n": 3})
    assert [words(one.sentence) if isinstance(one, Verdict) else repr(one) for one in back["list"]] == [
        words(one.sentence) if isinstance(one, Verdict) else repr(one) for one in found["list"]]
    with pytest.raises(UserError, match=r"nothing\.json of acme is not there yet: run `make report CLIENT=acme`"):
        page.handed("nothing")
    with pytest.raises(TypeError, match="A DataFrame cannot be handed"):
        packed.pack(pd.DataFrame())
