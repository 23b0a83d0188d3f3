"""The library of published cases: its file is checked cell by cell; a client stands beside it in like units only."""

import csv
import math
import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from loyalty_helpers import cases
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.findings import Change, Finding

NAN = float("nan")
LIBRARY = cases.load()


def change(kpi, unit, before, after, low=NAN, high=NAN, **more):
    def level(value):
        return Finding(label=f"my {kpi}", unit=unit, estimate=value, n=100)

    return Change(kpi=kpi, label=f"my {kpi}", unit=unit, before=level(before), after=level(after),
                  estimate=after - before, low=low, high=high, **more)


RETENTION = change("retention", "share", 0.40, 0.45, 0.01, 0.09)
FREQUENCY = change("frequency", "orders", 2.0, 2.5, -0.1, 1.1)


def of_family(changes, family):
    (found,) = [one for one in cases.families(LIBRARY, changes) if one.family == family]
    return found


# ---------------------------------------------------------------- the file that is shipped
def test_the_library_is_what_was_collected():
    assert len(LIBRARY) == 60 and LIBRARY["case_id"].is_unique
    assert LIBRARY["comparable"].value_counts().to_dict() == {"no": 47, "yes": 13}
    row = LIBRARY.set_index("case_id").loc["ACA-08"]
    assert row[["before", "after", "effect", "low", "high"]].tolist() == [19, 34, 15, 4.7, 24.3]
    assert (row["unit"], row["grade"], row["name_zh"]) == ("pp", "A", "洗车店集章卡(赠 2 章)")
    assert LIBRARY.loc[LIBRARY["case_id"] == "ART-02", "unit"].item() == ""  # blanks stay blank


def test_effects_follow_from_before_and_after():
    """In the direction of the KPI family: a defection rate that falls by 12 points is +12 of retention."""
    both = LIBRARY.dropna(subset=["before", "after", "effect"])
    of_pp = both[both["unit"].isin(["pp", "scale points"])]
    assert ((of_pp["after"] - of_pp["before"]).abs() == of_pp["effect"].abs()).all() and len(of_pp) == 4
    of_percent = both[both["unit"] == "%"]
    assert ((of_percent["after"] / of_percent["before"] * 100 - 100).round() == of_percent["effect"]).all()
    assert len(of_percent) == 3


def test_the_one_published_interval_follows_from_its_counts():
    """ACA-08: 51 of 150 against 29 of 150 cards completed; Newcombe's interval."""
    low, high = confint_proportions_2indep(51, 150, 29, 150, method="newcomb")
    row = LIBRARY.set_index("case_id").loc["ACA-08"]
    assert [round(low * 100, 1), round(high * 100, 1)] == [row["low"], row["high"]]


# ---------------------------------------------------------------- a file that somebody edited
def edited(tmp_path, **cells):
    with cases.LIBRARY.open(encoding="utf-8", newline="") as file:
        header, first, second, *_ = csv.reader(file)
    second = [cells.get(name, cell) for name, cell in zip(header, second, strict=True)]
    path = tmp_path / "mine.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([header, first, second])
    return path


@pytest.mark.parametrize(("column", "cell", "allowed"), [
    ("grade", "b", "A, B, C, D, E"),
    ("grade", "", "A, B, C, D, E"),
    ("comparable", "Yes", r"yes, no\. Did you mean 'yes'\?"),
    ("comparison", "tme", r"time, arms, .*Did you mean 'time'\?"),
    ("effect", "20 %", "blank, or a number such as"),
    ("effect", "1e3", "blank, or a number such as"),
    ("low", "nan", "blank, or a number such as"),
    ("after", "5,0", "blank, or a number such as"),
    ("after", "\uff15", "blank, or a number such as"),
    ("source", "  ", "any text"),
    ("case_id", "ART-01a", "each id once"),
])
def test_a_wrong_cell_is_named_with_what_is_allowed(tmp_path, column, cell, allowed):
    with pytest.raises(UserError, match=rf"mine\.csv, row 3, column {column}: .*allowed: .*{allowed}"):
        cases.load(edited(tmp_path, **{column: cell}))


def test_a_comparable_row_needs_its_effect_and_unit_and_an_effect_its_interval(tmp_path):
    for blank in ("effect", "unit"):
        with pytest.raises(UserError, match="row 3, column comparable: 'yes'; allowed: no, unless effect and unit"):
            cases.load(edited(tmp_path, **{blank: ""}))
    with pytest.raises(UserError, match=r"row 3, column effect: '0\.5'; allowed: a value from low to high"):
        cases.load(edited(tmp_path, low="1", high="2"))
    assert len(cases.load(edited(tmp_path, effect="", unit="", comparable="no"))) == 2


@pytest.mark.parametrize(("text", "words"), [
    ("", "row 1: column 'case_id' is missing"),
    ("grad," + ",".join(cases.COLUMNS), r"column 'grad' is not known; .* Did you mean 'grade'\?"),
    (",".join([*cases.COLUMNS, "grade"]), "column 'grade' stands twice"),
    (",".join(cases.COLUMNS[:-1]), "column 'note' is missing"),
    (",".join(cases.COLUMNS) + "\nART-01a,one,two", "row 2 has 3 cells, the headings 24"),
    (",".join(cases.COLUMNS) + '\n"open', "not a CSV file in UTF-8"),
])
def test_a_broken_file_is_refused_in_words(tmp_path, text, words):
    path = tmp_path / "mine.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=rf"mine\.csv.*{words}"):
        cases.load(path)


def test_other_encodings_and_no_file_are_refused_in_words(tmp_path):
    path = tmp_path / "mine.csv"
    with pytest.raises(UserError, match=r"mine\.csv cannot be read"):
        cases.load(path)
    path.write_bytes("案例".encode("gb18030"))
    with pytest.raises(UserError, match=r"mine\.csv is not a CSV file in UTF-8"):
        cases.load(path)


# ---------------------------------------------------------------- the client beside them
def test_like_is_set_beside_like():
    table = cases.beside(LIBRARY, [RETENTION, FREQUENCY]).set_index("case_id")
    assert list(table) == ["kpi_family", "grade", "effect", "unit", "client_effect", "client_low", "client_high"]
    assert len(table) == 13 and "IND-12" not in table.index
    points, percent = ["ART-01a", "ACA-19a"], ["IND-01a"]
    own = table[["client_effect", "client_low", "client_high"]]
    assert own.loc[points].round(9).to_numpy().tolist() == [[5, 1, 9]] * 2
    assert own.loc[percent].round(9).to_numpy().tolist() == [[25, -5, 55]]  # of 2.0 orders before
    assert own.drop([*points, *percent]).isna().all(axis=None)


def test_points_and_percent_are_never_compared():
    as_percent = LIBRARY.assign(unit=LIBRARY["unit"].replace("pp", "%"))
    as_points = LIBRARY.assign(unit=LIBRARY["unit"].replace("%", "pp"))
    assert cases.beside(as_percent, [RETENTION])["client_effect"].isna().all()
    assert cases.beside(as_points, [FREQUENCY])["client_effect"].isna().all()
    satisfied = change("csat", "share", 0.8, 0.9, 0.0, 0.2)
    assert of_family([satisfied], "satisfaction").own is None
    assert "measured in another unit than scale points" in of_family([satisfied], "satisfaction").sentence


@pytest.mark.parametrize("poor", [
    change("retention", "share", NAN, 0.4, note="no orders before the launch"),
    change("retention", "share", 0.3, 0.4, note="no orders before the launch"),
])
def test_what_was_not_measured_says_so(poor):
    assert cases.beside(LIBRARY, [poor])["client_effect"].isna().all()
    assert of_family([poor], "retention").sentence.endswith(
        "this shop: my retention cannot be compared (no orders before the launch).")


def test_a_relative_change_needs_something_before():
    assert cases.beside(LIBRARY, [change("frequency", "orders", 0.0, 1.0, 0.5, 1.5)])["client_effect"].isna().all()


def test_no_change_at_all_is_no_error():
    assert cases.beside(LIBRARY, [])[["client_effect", "client_low", "client_high"]].isna().all(axis=None)
    assert len(cases.families(LIBRARY, [])) == 7
    nothing = LIBRARY.head(0)
    assert cases.families(nothing, [RETENTION]) == [] and cases.beside(nothing, [RETENTION]).empty
    assert cases.ranges(nothing).empty and cases.best_evidence(nothing).empty and cases.article_cases(nothing).empty


def test_sentences_are_computed():
    assert of_family([RETENTION], "retention").sentence == (
        "Retention: 2 comparable published results, from +12 pp (grade B) to +20 pp (grade E); this shop: "
        "my retention +5 pp (95 % interval +1 pp to +9 pp), a change, not an effect.")
    assert of_family([FREQUENCY], "frequency").sentence == (
        "Frequency: a single comparable published result, +148 % (grade C); this shop: "
        "my frequency +25 % (95 % interval −5 % to +55 %), a change, not an effect.")
    assert of_family([], "purchase interval").sentence == (
        "Purchase interval: 2 comparable published results of one study, from −20 % to −16 % (grade A); "
        "this shop: no KPI of this kind.")
    money = change("order_value", "CNY", 200.0, 210.0, -10.0, 30.0)
    assert "my order_value (money per order, where the published results are money per customer) +5 %" in (
        of_family([money], "spend").sentence)


def test_ranges_never_reach_over_grades():
    got = cases.ranges(LIBRARY).set_index(["kpi_family", "unit", "grade"])
    assert got.loc[("customer value", "%", "B")].tolist() == [16, 29, 3, 2]  # three results of two studies
    assert got.loc[("customer value", "%", "C")].tolist() == [3, 3, 1, 1]
    assert got["results"].sum() == 13


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(len(LIBRARY))))
def test_order_of_rows_is_irrelevant(order):
    shuffled = LIBRARY.iloc[order]
    pd.testing.assert_frame_equal(cases.beside(shuffled, [RETENTION]), cases.beside(LIBRARY, [RETENTION]))
    pd.testing.assert_frame_equal(cases.ranges(shuffled), cases.ranges(LIBRARY))


# ---------------------------------------------------------------- choosing, and words
def test_filters():
    assert set(cases.filter(LIBRARY, industry="BOOKS")["case_id"]) == {"ART-07", "ACA-22", "IND-09", "IND-10", "IND-11"}
    assert set(cases.filter(LIBRARY, mechanism="stamp card", kpi="redemption")["case_id"]) == {"ACA-08"}
    assert cases.filter(LIBRARY, industry="hotel", kpi="retention").empty
    pd.testing.assert_frame_equal(cases.filter(LIBRARY), LIBRARY)


@pytest.mark.parametrize(("wanted", "words"), [
    ({"industry": "bankin g"}, r"'bankin g' in industry\. Did you mean 'banking'\?"),
    ({"mechanism": "stampcard"}, r"'stampcard' in mechanisms\. Did you mean 'stamp card'\?"),
    ({"kpi": "retentoin"}, r"'retentoin' in kpi_family\. Did you mean 'retention'\?"),
])
def test_an_unknown_word_is_asked_back(wanted, words):
    with pytest.raises(UserError, match=words):
        cases.filter(LIBRARY, **wanted)


def test_best_evidence_quotes_only_the_best_grade():
    best = cases.best_evidence(LIBRARY).set_index("mechanism")
    assert best.index.is_unique and best["grade"].is_monotonic_increasing
    stamps = best.loc["stamp card"]
    assert (stamps["grade"], stamps["results"]) == ("A", 4)
    assert ("ACA-08, Car wash: 8-stamp card vs 10-stamp card with 2 given: card completion (redemption) rate "
            "from 19 to 34 (redemption +15 pp)") in stamps["says"]
    assert best.loc["referral reward", "results"] == 4  # details in brackets do not make another mechanism
    assert "IND-01a" not in best.loc["points", "says"] and best.loc["points", "grade"] == "B"
    assert best.loc["community/events", "says"].endswith("attributable to joining +19 %")
    assert "6 to 9 months" in best.loc["loyalty cards", "says"]


def test_the_articles_cases_state_what_they_state():
    table = cases.article_cases(LIBRARY).set_index("case")
    assert list(table.index) == [f"ART-0{number}" for number in range(1, 8)]
    assert table.loc["ART-01", "states"] == (
        "customer retention rate (definition not given) from 40 to 60 (retention +20 pp) · "
        "customer satisfaction (scale not given) from 4.5 to 5 (satisfaction +0.5 scale points)")
    assert table.loc["ART-05", "states"] == "churn; satisfaction – churn decreased"
    assert table.loc["ART-06", "states"] == "loyal customer base – no figure and no direction stated"
    assert "ceiling" in table.loc["ART-01", "note"] and table.loc["ART-06", "note"] == ""
    stated = {case: set(re.findall(r"\d+(?:\.\d+)?", words)) for case, words in table["states"].items()}
    assert stated["ART-01"] == {"40", "60", "20", "4.5", "5", "0.5"}
    assert not any(stated[case] for case in stated if case != "ART-01")


def test_inputs_are_unchanged():
    before = LIBRARY.copy(deep=True)
    for use in (cases.ranges, cases.best_evidence, cases.article_cases, cases.comparable, cases.filter):
        use(LIBRARY)
    cases.beside(LIBRARY, [RETENTION])
    pd.testing.assert_frame_equal(LIBRARY, before)
    assert math.isnan(LIBRARY.loc[LIBRARY["case_id"] == "ART-02", "effect"].item())
