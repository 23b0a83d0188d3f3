"""Survey exports as vendors write them: answers in words, two header rows, several answers, partial answers, waves."""
# ruff: noqa: E501
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_helpers.core import scales
from loyalty_helpers.core.settings import Client, Program, Source, UserError
from loyalty_helpers.evaluation.kpis import measures
from loyalty_helpers.ingest import alerts, survey
from loyalty_helpers.ingest.prepare import prepare

ORDERS = "order_id,email,ordered_at,amount\n" + "".join(
    f"{i},c{i % 30}@example.com,2024-{1 + i % 12:02}-{1 + i % 28:02},10\n" for i in range(60))
LAUNCH = date(2024, 7, 1)


@pytest.fixture
def acme(tmp_path):
    """A function that gives a client of this survey, with these columns and further settings of its source."""

    def make(text: str, columns: dict, *, launch: date | None = LAUNCH, orders: str = ORDERS, members: str = "",
             joining: str = "self-selected", **settings) -> Client:
        folder = tmp_path / "data" / "acme"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (("orders", orders), ("survey", text), ("members", members)):
            (folder / f"{name}.csv").write_text(content, encoding="utf-8")
        person = {"email": ("email",)}
        sources = {"orders": (Source(files=("orders.csv",), columns=person, own_columns=frozenset(person)),)}
        if text:
            named = {ours: (theirs,) for ours, theirs in columns.items()}
            sources["survey"] = (Source(files=("survey.csv",), columns=named, own_columns=frozenset(named), **settings),)
        if members:
            sources["members"] = (Source(files=("members.csv",), columns=person, own_columns=frozenset(person)),)
        return Client(key="acme", folder=folder, name="Acme", currency="EUR", time_zone="Europe/Berlin", ids="plain",
                      program=Program(launched_on=launch, joining=joining), sources=sources)

    return make


def read(client: Client) -> pd.DataFrame:
    return prepare(client).tables["survey"]


def remarks(client: Client) -> dict[str, int]:
    table = prepare(client).ledger.table()
    rows = table[(table["source"] == "survey") & table["action"].isin(["flagged", "changed"])]
    return dict(zip(rows["check"], rows["rows"], strict=True))


# ---------------------------------------------------------------- answers in words
@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("10 - Extremely likely", "10"), ("0 = not at all", "0"), ("5分", "5"), ("３分", "3"), ("4/5", "4"),
        ("4 out of 5", "4"), ("5 stars", "5"), ("1 star", "1"), ("Very satisfied (5)", "5"), ("Extremely likely - 10", "10"),
        ("★★★☆☆", "3"), ("⭐⭐⭐⭐", "4"), ("2. Rather not", "2"), ("3、一般", "3"), ("7", "7"), ("4.5/5", "4.5"),
        ("very  Satisfied", "5"), ("非常满意", "5"), ("(跳过)", "-"),
        # what says no single number stays as it is, to be asked about
        ("50%", "50%"), ("9-10", "9-10"), ("between 4 and 5", "between 4 and 5"), ("good", "good"),
        ("2024-05-01", "2024-05-01"), ("1,250 people", "1,250 people"), ("-3", "-3"), ("5-", "5-"),
    ],
)
def test_what_number_an_answer_says(cell, number):
    column = survey.Column(np.array([0]), survey.pa.array([cell]))
    words = {"Very satisfied": 5.0, "非常满意": 5.0}
    assert survey.in_numbers(column, words).text.to_pylist() == [number]


@given(st.integers(0, 10), st.sampled_from(["{} - likely", "{}分", "{}/10", "rather ({})", "{}", "{} points"]))
def test_property_a_number_comes_out_of_all_its_spellings(number, spelling):
    column = survey.Column(np.array([0]), survey.pa.array([spelling.format(number)]))
    assert survey.in_numbers(column, {}).text.to_pylist() == [str(number)]


def test_words_are_given_per_question_or_for_all(acme):
    text = "at,happy,easy\n2024-02-01,good,good\n2024-02-02,bad,2 - hard\n2024-02-03,5,\n"
    columns = {"answered_at": "at", "csat": "happy", "ces": "easy"}
    answers = {"*": {"Good": 4.0, "bad": 1.0}, "ces": {"good": 6.0}}
    found = read(acme(text, columns, answers=answers))
    assert found["csat"].tolist() == [4, 1, 5]
    assert found["ces"].tolist()[:2] == [6, 2] and found["ces"].isna().tolist() == [False, False, True]


def test_a_word_without_a_number_is_asked_about(acme):
    text = "at,happy\n2024-02-01,good\n2024-02-02,so-so\n"
    client = acme(text, {"answered_at": "at", "csat": "happy"}, answers={"csat": {"good": 4.0}})
    with pytest.raises(UserError, match=r"row 3, column 'happy': 'so-so' is not a number.*sources.survey.answers.csat"):
        read(client)
    client = acme(text, {"answered_at": "at", "csat": "happy"}, answers={"casat": {"good": 4.0}})
    with pytest.raises(UserError, match=r"answers has 'casat'.*Did you mean 'csat'"):
        read(acme(text.replace("so-so", "3").replace("good", "4"), {"answered_at": "at", "csat": "happy"},
                  answers={"casat": {"good": 4.0}}))


# ---------------------------------------------------------------- vendors' shapes
TWO_ROWS = """Respondent ID,End Date,Email Address,How likely are you to recommend us?,What did you buy?,,,Anything else?
,,,Response,Dresses,Shoes,Other (please specify),Open-Ended Response
1,2024-08-01 10:00,c1@example.com,10 - Extremely likely,Dresses,,my aunt's birthday,The delivery was late
2,2024-08-02 10:00,c2@example.com,6,Dresses,Shoes,,
3,2024-08-03 10:00,,9,,Shoes,,Great prices
4,2024-08-04 10:00,stranger@example.com,,,,,
"""


def test_two_header_rows_with_a_column_for_each_option(acme):
    client = acme(TWO_ROWS, {
        "answered_at": "End Date", "email": "Email Address", "nps": "How likely are you to recommend us?",
        "choice_bought": "What did you buy?", "comment_else": "Anything else?"}, header_rows=2)
    prepared = prepare(client)
    found = prepared.tables["survey"]
    assert found["nps"].tolist()[:3] == [10, 6, 9] and len(found) == 4
    bought = prepared.tables["orders"]["customer_id"]
    assert found["customer_id"].isin(bought).tolist() == [True, True, False, False]
    assert found["customer_id"].isna().tolist() == [False, False, True, False]
    assert not {"comment_else", "choice_bought"} & set(found)
    options = prepared.tables["choices"].set_index("option")["answers"].to_dict()
    assert options == {"Dresses": 2, "Shoes": 2, "other answers": 1}
    mentions = prepared.tables["themes"].set_index(["group", "theme"])["answers"]
    assert mentions["everybody", "delivery"] == 1 and mentions["promoters", "price"] == 1
    assert mentions["everybody", "left blank"] == 2
    everything = "".join(frame.to_csv() for frame in prepared.tables.values()) + prepared.ledger.table().to_csv()
    assert "late" not in everything and "aunt" not in everything
    assert remarks(client)["no question answered"] == 1


def test_several_answers_in_one_cell_and_a_question_that_repeats(acme):
    text = ("提交答卷时间,您的满意度,您购买了什么,您的满意度,建议\n"
            "2024/8/1 12:00:00,5分,裙子┋鞋子,,快递太慢\n2024/8/2 12:00:00,4分,裙子,,(空)\n2024/8/3 12:00:00,3分,裙子┋鞋子,,\n")
    columns = {"answered_at": "提交答卷时间", "csat": "您的满意度", "choice_买": "您购买了什么", "comment_建议": "建议"}
    prepared = prepare(acme(text, columns))
    assert prepared.tables["survey"]["csat"].tolist() == [5, 4, 3]
    assert prepared.tables["choices"][["option", "answers", "n"]].values.tolist() == [["裙子", 3, 3], ["鞋子", 2, 3]]
    of = prepared.tables["themes"].set_index("theme")["answers"]
    assert of["delivery"] == 1 and of["left blank"] == 2
    with pytest.raises(UserError, match="2 columns named '您的满意度'"):
        read(acme(text.replace("裙子,,(空)", "裙子,1分,(空)"), columns))


def test_yes_and_no_in_a_column_for_each_option():
    def column(*cells):
        return survey.Column(np.array([i if cell else -1 for i, cell in enumerate(cells)]), survey.pa.array(cells))

    picked = survey.chosen({"a": column("1", "0", ""), "b": column("yes", "No", "未选"), "c": column("c", "", "")})
    assert [picked.cell(row) for row in range(3)] == ["a┋b┋c", "", ""]


def test_options_belong_to_the_whole_name_of_their_question():
    headers = ("Q1 · A", "Q1 · B", "Q10 · C", "Q1", "S · Q1 · D")
    assert survey.options_of(headers, "q1") == {"A": 0, "B": 1}
    assert survey.options_of(headers, "S · Q1") == {"D": 4} and survey.options_of(headers, "Q2") == {}


def test_comments_alone_are_a_survey(acme):
    columns = {"answered_at": "at", "comment_all": "words"}
    prepared = prepare(acme("at,words\n2024-08-01,太贵\n2024-08-02,fine\n", columns))
    assert prepared.tables["themes"].set_index("theme")["answers"]["price"] == 1
    assert len(prepared.tables["survey"]) == 2


# ---------------------------------------------------------------- partial answers, scales, waves
def test_partial_answers_stay_and_are_counted(acme):
    text = "at,nps,csat\n2024-08-01,9,5\n2024-08-02,,4\n2024-08-03,7,\n2024-08-04,,\n"
    client = acme(text, {"answered_at": "at"})
    assert read(client)[["nps", "csat"]].notna().sum().tolist() == [2, 2]
    told = remarks(client)
    assert (told["partly answered"], told["no question answered"]) == (2, 1)


@pytest.mark.parametrize(
    ("answers", "scale"),
    [([1, 3, 5], (1, 5)), ([2, 3], (1, 5)), ([1, 6], (1, 7)), ([3, 8], (1, 10)), ([0, 4], (0, 5)), ([0, 10], (0, 10)),
     ([float("nan")], (1, 5))],
)
def test_the_scale_is_taken_from_the_answers_as_the_kpis_take_it(answers, scale):
    given_answers = pd.Series(answers, dtype=float)
    assert scales.scale(given_answers, "csat", {}) == scale
    frames = {"orders": pd.DataFrame(), "survey": pd.DataFrame({"csat": given_answers})}
    assert measures.Shop(frames, pd.Timestamp(0), {}).scale("csat") == scale
    assert scales.scale(given_answers, "csat", {"csat": (7.0, 1.0)}) == (7, 1)
    assert scales.scale(given_answers, "nps", {}) == (0, 10)


def test_a_scale_that_was_taken_is_said_and_a_declared_one_is_not(acme):
    text = "at,nps,csat,ces\n2024-08-01,9,2,6\n2024-08-02,8,5,3\n"
    client = acme(text, {"answered_at": "at"}, scale={"ces": (1.0, 7.0)})
    said = alerts.about(prepare(client), client)["what"]
    assert said.str.contains("Scales taken").sum() == 1
    assert said[said.str.contains("Scales taken")].tolist() == [
        "Scales taken from the answers: csat 1 to 5 (answers from 2 to 5)"]
    client = acme(text, {"answered_at": "at"}, scale={"ces": (1.0, 7.0), "csat": (1.0, 5.0)})
    assert not alerts.about(prepare(client), client)["what"].str.contains("Scales taken").any()


def test_waves_follow_from_dates(acme):
    text = ("at,wave,nps\n2024-06-30,,9\n2024-07-01,,8\n2024-08-01,second,7\n,before,6\n2024-08-02,before,5\n,,4\n")
    client = acme(text, {"answered_at": "at"})
    found = read(client).set_index("nps")["wave"]
    assert (found[9], found[8], found[7], found[6], found[5]) == ("before", "after", "second", "before", "before")
    assert pd.isna(found[4])
    told = remarks(client)
    assert (told["wave taken from the date"], told["neither date nor wave"]) == (2, 1)
    said = alerts.about(prepare(client), client)["what"]
    assert said.str.contains("1 answer of the survey lie on the other side of the launch than their wave says").any()
    without = acme(text, {"answered_at": "at"}, launch=None, joining="none")
    assert read(without)["wave"].isna().sum() == 3


# ---------------------------------------------------------------- members: what their date is
def members_told(acme, joined: list[str], **settings) -> list[str]:
    members = "email,joined_at\n" + "".join(f"c{i}@example.com,{at}\n" for i, at in enumerate(joined))
    client = acme("", {}, members=members, **settings)
    found = alerts.about(prepare(client), client)
    return found["what"].tolist()


def test_dates_of_joining_that_are_none(acme):
    account = members_told(acme, ["2023-01-01"] * 16 + ["2024-08-01"] * 4)
    assert any(said == "80 % of the members joined before the launch: this is most likely the date of the customer's "
               "account, not of joining" for said in account)
    few = members_told(acme, ["2023-01-01"] * 4 + ["2024-08-01"] * 16)
    assert "20 % of the members joined before the launch" in few
    some = members_told(acme, [""] * 5 + ["2024-08-01"] * 15)
    assert "25 % of the members have no date of joining" in some
    assert not any("no date of joining" in said for said in members_told(acme, [""] + ["2024-08-01"] * 19))


def test_a_list_of_customers_is_not_a_member_list(acme):
    everybody = members_told(acme, [""] * 30)
    assert "No member has a date of joining" in everybody
    assert "Nearly all customers are in the member list, and none has a date of joining" in everybody
    third = members_told(acme, [""] * 10)
    assert "No member has a date of joining" in third and not any("Nearly all" in said for said in third)
    assert not any("Nearly all" in said for said in members_told(acme, [""] * 30, joining="everyone"))


def test_joining_at_the_first_order_is_opening_an_account(acme):
    day = [line.split(",")[2] for line in ORDERS.splitlines()[1:]]
    first = [min(day[i], day[i + 30]) for i in range(30)]
    said = [one for one in members_told(acme, first) if "first order" in one]
    assert said == ["100 % of the members joined on the day of their first order: this is most likely the date of the "
                    "customer's account, not of joining"]
    assert not any("first order" in one for one in members_told(acme, ["2024-12-27"] * 30))
    assert not any("first order" in one for one in members_told(acme, first, joining="everyone"))
