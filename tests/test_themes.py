"""Comments counted by lists of words, and questions with several answers; no text of anybody comes out."""
# ruff: noqa: RUF001, E501

import re
from dataclasses import replace
from math import isnan

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from said import in_words, said

from loyalty_helpers.core.intervals import wilson
from loyalty_helpers.core.settings import ROOT, UserError, load_client
from loyalty_helpers.ingest import themes
from loyalty_helpers.lab import sample, simulate
from loyalty_helpers.report import comments as comments_of
from loyalty_helpers.report import gate
from loyalty_helpers.report.charts import loyalty

LISTS = {
    "price": ("price", "expensive", "太贵", "便宜"),
    "delivery": ("delivery", "deliver", "快递"),
    "app": ("app",),
    "waiting": ("waiting time",),
}


def texts(*comments) -> pd.Series:
    return pd.Series(comments, dtype="str")


def mentioned(comment: str, lists=LISTS) -> set[str]:
    rows = themes.counts(texts(comment), lists)
    return set(rows.loc[rows["answers"] > 0, "theme"])


@pytest.fixture
def acme(tmp_path):
    """A function that gives a client whose folder holds this themes.yml."""

    def make(words: str | None = None):
        if words is not None:
            (tmp_path / "themes.yml").write_text(words, encoding="utf-8")
        return replace(load_client("sample", ROOT), key="acme", folder=tmp_path)

    return make


# ---------------------------------------------------------------- words
@pytest.mark.parametrize(
    ("comment", "found"),
    [
        ("The prices!", {"price"}),
        ("PRICED right", {"price"}),
        ("ｐｒｉｃｅ", {"price"}),  # full-width
        ("priceless", {"none of these"}),
        ("it was inexpensive", {"none of these"}),
        ("two deliveries, one delivered", {"delivery"}),
        ("long waiting  times", {"waiting"}),
        ("waiting-time", {"waiting"}),
        ("waiting for a time", {"none of these"}),
        ("happy", {"none of these"}),  # holds "app"
        ("app很好用,快递太慢", {"app", "delivery"}),
        ("有点太贵了", {"price"}),
        ("not expensive at all", {"price"}),  # a mention, not an opinion
        ("No", {"left blank"}),
        ("无", {"left blank"}),
        (" ", {"left blank"}),
    ],
)
def test_what_a_comment_mentions(comment, found):
    assert mentioned(comment) == found


def test_counts_by_hand_with_wilsons_interval():
    comments = texts("price", "expensive delivery", "nice", None, "no", "delivery", "app", "fine")
    rows = themes.counts(comments, LISTS).set_index("theme")
    assert rows["answers"].to_dict() == {"price": 2, "delivery": 2, "app": 1, "waiting": 0, "none of these": 2,
                                         "left blank": 2}
    assert (rows.drop("left blank")["n"] == 6).all() and rows.loc["left blank", "n"] == 8
    assert rows.loc["price", "share"] == pytest.approx(1 / 3)
    assert rows.loc["price", ["low", "high"]].tolist() == pytest.approx(wilson(2, 6, 1.959964), abs=1e-6)
    assert rows.loc["left blank", "share"] == 0.25


def test_groups_stand_below_everybody_in_the_same_order():
    comments = texts("price", "delivery", "delivery", "price", None)
    by = pd.Series(["b", "a", "a", None, "a"], dtype="str")
    rows = themes.counts(comments, LISTS, by=by)
    assert rows["group"].drop_duplicates().tolist() == ["everybody", "a", "b"]
    of = rows.set_index(["group", "theme"])
    assert of.loc[("a", "delivery"), ["answers", "n"]].tolist() == [2, 2]
    assert of.loc[("a", "left blank"), ["answers", "n"]].tolist() == [1, 3]
    assert of.loc[("b", "price"), ["answers", "n"]].tolist() == [1, 1]  # the fourth comment has no group
    assert len({tuple(part["theme"]) for _, part in rows.groupby("group")}) == 1


def test_nobody_wrote_anything():
    rows = themes.counts(texts(None, "no"), LISTS).set_index("theme")
    assert rows.loc["left blank", "answers"] == 2
    assert isnan(rows.loc["price", "share"]) and rows.loc["price", "n"] == 0


@given(st.lists(st.one_of(st.none(), st.sampled_from(["price", "delivery app", "x", "no", "太贵", "Zq9 secret words"]))))
def test_property_every_answer_is_counted_and_none_comes_out(comments):
    rows = themes.counts(texts(*comments), LISTS)
    of = rows.set_index("theme")["answers"]
    written = len(comments) - of["left blank"]
    assert (rows.loc[rows["theme"] != "left blank", "n"] == written).all()
    assert of["none of these"] == sum(one in ("x", "Zq9 secret words") for one in comments)
    assert "secret" not in rows.to_csv()
    pd.testing.assert_frame_equal(rows, themes.counts(texts(*reversed(comments)), LISTS))


# ---------------------------------------------------------------- the lists
def test_the_two_languages_have_the_same_themes_and_no_word_twice():
    english, chinese = (yaml.safe_load((themes.WORDS / f"themes_{one}.yml").read_text("utf-8")) for one in ("en", "zh"))
    assert list(english) == list(chinese) and 8 <= len(english) <= 10
    words = [word for lists in (english, chinese) for theme in lists.values() for word in theme]
    assert all(isinstance(word, str) and word == word.casefold() for word in words)
    twice = {word for word in words if words.count(word) > 1} - {"app"}  # which Chinese customers write, too
    assert not twice


@pytest.mark.parametrize(
    ("comment", "theme"),
    [
        ("Far too expensive for me", "price"), ("性价比很高", "price"), ("A seam broke, poor quality", "quality"),
        ("面料很舒服", "quality"), ("The staff were rude", "service"), ("客服回答很快", "service"),
        ("My parcel never arrived", "delivery"), ("物流太慢", "delivery"), ("More colours please", "choice"),
        ("尺码不全", "choice"), ("The website crashed", "website and app"), ("小程序很卡", "website and app"),
        ("I lost my points", "rewards and points"), ("积分过期了", "rewards and points"), ("Nice music", "store"),
        ("店里环境很好", "store"), ("Too many emails", "communication"), ("没有人回复", "communication"),
    ],
)
def test_the_lists_find_what_a_shop_hears(acme, comment, theme):
    assert theme in mentioned(comment, themes.themes(acme()))


def test_a_clients_own_list_changes_adds_and_takes_away(acme):
    package = themes.themes(acme())
    own = themes.themes(acme("price: [dear, 太贵]\nparking: [parking]\nstore:\n"))
    assert own["price"] == ("dear", "太贵") and own["parking"] == ("parking",) and "store" not in own
    assert own["quality"] == package["quality"] and len(package["quality"]) > 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("- price\n", "acme/themes.yml holds no themes"),
        ("price: dear\n", "price is 'dear'"),
        ("price: [1, dear]\n", r'price is "\[1, .dear.\]"'),
        ("price: ['']\n", "price is"),
        ("none of these: [x]\n", "word of the tables' own"),
        ("price: [dear\n", "acme/themes.yml, line"),
    ],
)
def test_a_list_that_is_none_is_refused_in_words(acme, words, said):
    with pytest.raises(UserError, match=said):
        themes.themes(acme(words))


# ---------------------------------------------------------------- several answers
def chosen(*cells) -> dict[str, int]:
    rows = themes.choices(texts(*cells))
    return dict(zip(rows["option"], rows["answers"], strict=True))


def test_options_are_told_apart():
    assert chosen("tea;cake", "tea", "cake ; tea") == {"tea": 3, "cake": 2}
    assert chosen("茶┋蛋糕", "茶┋蛋糕", "茶") == {"茶": 3, "蛋糕": 2}
    assert chosen("tea, cake", "cake, jam", "jam, tea") == {"cake": 2, "jam": 2, "tea": 2}
    own = chosen("tea, cake", "cake, jam", "jam, tea", "tea, whatever is left")
    assert own == {"tea": 3, "cake": 2, "jam": 2, "other answers": 1}
    assert chosen("茶、蛋糕", "茶、酒", "蛋糕、酒") == {"茶": 2, "蛋糕": 2, "酒": 2}


def test_a_comma_within_an_option_is_no_separator():
    assert chosen(*["Yes, often"] * 3, *["No, never"] * 2) == {"Yes, often": 3, "No, never": 2}
    assert chosen("tea, green;cake", "tea, green", "cake") == {"cake": 2, "tea, green": 2}


def test_the_interval_and_n_count_those_who_chose():
    rows = themes.choices(texts("a;b", "a", None, "", "b;a")).set_index("option")
    assert (rows["n"] == 3).all() and rows.loc["a", "share"] == 1
    assert rows.loc["b", ["low", "high"]].tolist() == pytest.approx(wilson(2, 3, 1.959964), abs=1e-6)
    assert themes.choices(texts(None)).empty


def test_an_answer_in_somebodys_own_words_is_not_shown():
    rows = themes.choices(texts("tea;my aunt lives next door", "tea;other〖I moved to Xi'an〗", "other", "cake;tea", "cake"))
    assert dict(zip(rows["option"], rows["answers"], strict=True)) == {
        "tea": 3, "cake": 2, "other": 2, "other answers": 1}
    assert not re.search("aunt|moved", rows.to_csv())


# ---------------------------------------------------------------- the tables that are kept, and what is shown
def survey_of(comments, nps) -> pd.DataFrame:
    return pd.DataFrame({"comment_last_visit": texts(*comments), "nps": nps, "choice_bought": texts(*["a;b"] * len(nps))})


def test_the_table_of_a_survey(acme):
    lists = acme("".join(f"{name}:\n" for name in themes.themes(acme())) + "price: [price]\n".replace("price:", "cost:"))
    answers = survey_of(["price", "price", "nice", None], [10, 6, 7, 9])
    table = themes.table(answers, lists)
    of = table.set_index(["group", "theme"])["answers"]
    assert (table["question"] == "last visit").all() and table.columns.tolist() == [
        "question", "group", "theme", "answers", "n"]
    assert of["everybody", "cost"] == 2 and of["promoters", "cost"] == 1 and of["detractors", "cost"] == 1
    assert of["promoters", "left blank"] == 1 and of["passives", "none of these"] == 1
    assert themes.choices_table(answers).values.tolist() == [["bought", "a", 4, 4], ["bought", "b", 4, 4]]
    assert set(themes.table(answers.assign(nps=float("nan")), lists)["group"]) == {"everybody"}
    nothing = answers[["nps"]]
    assert themes.table(nothing, lists).empty and themes.choices_table(nothing).empty
    assert themes.by_question(None) == {}


def test_the_sentence_is_computed(acme):
    def told(comments: list[str]) -> str:
        rows = themes.by_question(themes.table(survey_of(comments, [9] * len(comments)), acme()))["last visit"]
        return said(comments_of.mentions_said(rows))

    assert told(["太贵了"] * 30 + ["nice"] * 70) == "Of 100 comments, 30 % (22 to 40) mention price."
    assert told(["太贵了"] + ["nice"] * 3) == ("Of 4 comments, 25 % (5 to 70) mention price. They are few: look at the "
                                           "interval.")
    assert told(["nice", "fine"]) == "Of 2 comments, none mentions a theme of the lists."


def test_what_the_reader_sees(acme):
    answers = survey_of(["太贵了"] * 30 + ["nice"] * 70, [9] * 50 + [3] * 50)
    rows = themes.by_question(themes.table(answers, acme()))["last visit"]
    shown = in_words(comments_of.comments(rows))
    assert shown.columns.tolist() == ["theme", "comments", "share", "interval", "detractors (50)", "promoters (50)"]
    assert shown.iloc[0].tolist() == ["price", 30, "30 %", "22 to 40 %", "0 %", "60 %"]
    chart = loyalty.mentions(rows)
    assert said(chart.title) == "30 % of 100 comments mention price" and "Price: 30 % (22 % to 40 %)" in said(chart.alt)
    bars = chart.figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == [0.3]
    none = themes.by_question(themes.table(survey_of(["nice", "fine"], [9, 9]), acme()))["last visit"]
    assert loyalty.mentions(none).figure is None
    picked = themes.by_question(themes.choices_table(answers))["bought"]
    assert in_words(comments_of.choices(picked)).iloc[0].tolist() == ["a", 100, "100 %", "96 to 100 %"]


# ---------------------------------------------------------------- the sample
def test_the_samples_words_change_no_number(tmp_path):
    simulate.write_sample(tmp_path)
    plain = pd.read_csv(tmp_path / "survey.csv", dtype="str", keep_default_na=False)
    sample.write(tmp_path)
    written = pd.read_csv(tmp_path / "survey.csv", dtype="str", keep_default_na=False)
    pd.testing.assert_frame_equal(written[plain.columns], plain)
    assert written.columns[len(plain.columns):].tolist() == [sample.OCCASIONS, sample.COMMENT]
    assert (tmp_path / "survey.csv").read_bytes() == (ROOT / "data" / "sample" / "survey.csv").read_bytes()
    lists = themes.themes(load_client("sample", ROOT))
    scores = written["Satisfaction (1-5)"].astype(int)
    praise = written[sample.COMMENT].isin(sample.PRAISE)
    assert scores[praise].mean() > scores[written[sample.COMMENT].isin(sample.COMPLAINTS)].mean() + 0.2
    spoken = themes.counts(written[sample.COMMENT].mask(written[sample.COMMENT] == ""), lists).set_index("theme")
    assert spoken.loc["none of these", "share"] < 0.25


def test_few_answers_are_left_out_where_others_may_read():
    everybody, none, blank = themes.EVERYBODY, themes.NONE, themes.BLANK
    counted = pd.DataFrame({"question": ["a"] * 4 + ["b"] * 2, "group": [everybody] * 3 + ["promoters"] + [everybody] * 2,
                            "theme": ["price", "service", blank, "price", none, blank],
                            "answers": [9, 2, 40, 3, 2, 50], "n": [11, 11, 51, 4, 2, 52]})
    found = {question: gate.seen(rows, 5, "comments") for question, rows in themes.by_question(counted).items()}
    assert comments_of.everybody(found["a"])["theme"].tolist() == ["price", blank]
    assert said(comments_of.mentions_said(found["a"])).startswith("Of 11 comments, 82 %")
    assert in_words(comments_of.comments(found["a"])).columns.tolist() == ["theme", "comments", "share", "interval"]
    assert comments_of.mentions_said(found["b"]) == ""  # of a question of which only blanks are left
    assert [len(rows) for rows in themes.by_question(counted).values()] == [4, 2]
