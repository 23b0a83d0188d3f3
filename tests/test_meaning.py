"""Text becomes names, numbers, moments, e-mail addresses and telephone numbers, whatever dress it comes in."""
# full-width characters are what is tested, and messages are matched as they read
# ruff: noqa: RUF001, RUF043, E501

import datetime
import time
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_helpers import cells_contacts, cells_moments, cells_names, cells_numbers, cells_zones, meaning, reading
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.reading import Column


def a_column(*cells, kind=None):
    return reading._arrow_column(pa.array(cells, kind or pa.string()))


def rows(values):
    """A column of text as a list, None where it is missing."""
    return [None if pd.isna(value) else value for value in values]


# ---------------------------------------------------------------- names
def names(*cells, **how):
    found = cells_names.names(a_column(*cells), **how)
    return rows(found.values), found.bad.tolist()


def test_ids_lose_what_programs_put_round_them():
    cells = ["'138", "\t6917", "6917\t ", '="1234"', "=\"1234\"\t", "17850.0", " A-1 ", "\ufeffB", "007"]
    assert names(*cells, is_id=True) == (["138", "6917", "6917", "1234", "1234", "17850", "A-1", "B", "007"], [False] * 9)


@pytest.mark.parametrize("cell", ["", "-", "--", "——", "null", "NULL", "N/A", "无", "\\N", "#N/A", "'null", '=""', "\t-"])
def test_placeholders_are_nothing(cell):
    assert names(cell, "x") == ([None, "x"], [False, False])
    assert [np.isnan(numbers(cell, "1")[0][0]), numbers(cell, "1")[1]] == [True, [False, False]]
    assert moments(cell, "2024-01-31") == ([None, "2024-01-31"], [False, False])


@pytest.mark.parametrize("cell", ["6.9E+17", "6,90123e+17", "7E+17"])
def test_ids_whose_digits_are_lost_are_bad(cell):
    assert names(cell, "x", is_id=True) == ([None, "x"], [True, False])
    assert names(cell, "x") == ([cell, "x"], [False, False])


def test_long_ids_that_all_end_in_zeros_have_lost_their_digits():
    lost = [f"690123456{i:06}000" for i in range(10)]
    assert names(*lost, "A1", is_id=True) == ([None] * 10 + ["A1"], [True] * 10 + [False])
    for kept in (lost[:9], [*lost, "690123456789012345"], [one[:15] for one in lost]):
        assert names(*kept, is_id=True) == (kept, [False] * len(kept))


# ---------------------------------------------------------------- numbers
def numbers(*cells, decimal=None, currency=""):
    (values,) = cells_numbers.numbers([a_column(*cells)], decimal, "here", currency=currency)
    return values.values.tolist(), values.bad.tolist()


@pytest.mark.parametrize(
    ("cells", "values"),
    [(["1,234.50", "12"], [1234.5, 12]), (["1.234,50", "12"], [1234.5, 12]), (["1.234", "5,5"], [1234, 5.5]),
     (["1,234", "5.5"], [1234, 5.5]), (["1,234", "980"], [1234, 980]), (["1.234.567", "12"], [1234567, 12]),
     (["1 234,5", "1'234,5", "1\u202f234,5"], [1234.5] * 3),
     (["$8.00", "-$7.00", "$-7.00", "US$ 1.5", "3 USD"], [8, -7, -7, 1.5, 3]),
     (["¥12", "￥１２．５", "12元", "CNY 3", "RMB 4"], [12, 12.5, 12, 3, 4]),
     (["(12.50)", "12.50-", "\u221212.50", "+3", "\u20133"], [-12.5, -12.5, -12.5, 3, -3]),
     (["0.125", "1.5E+3", "1e-2", ".5", "7."], [0.125, 1500, 0.01, 0.5, 7]), (["0,125", ",5"], [0.125, 0.5])],
)
def test_numbers_in_many_dresses(cells, values):
    found, bad = numbers(*cells)
    assert found == values
    assert not any(bad)


def test_numbers_blank_bad_and_declared():
    found, bad = numbers("1.5", "-", "", "n/a", "12.5O", "1,23.4", "abc", "inf", "1,2345.00")
    assert np.isnan(found[1:]).all()
    assert bad == [False] * 4 + [True] * 5
    assert numbers("12 34", "10.50 20", "(12", "12)", "1 234,567.5", "1'23", "1.5")[1] == [True] * 6 + [False]
    assert numbers("12\u00a0345\u202f678.5", "(1 234)", "1.5") == ([12345678.5, -1234, 1.5], [False] * 3)
    assert numbers("1.250", decimal=",")[0] == [1250]
    assert numbers("1.250", decimal=".")[0] == [1.25]
    assert numbers("1,250", decimal=",")[0] == [1.25]


@pytest.mark.parametrize(
    ("cells", "words"),
    [(["1.250", "3"], "here: '1.250' can be read in two ways"),
     (["1.5", "1,5"], "mixes decimal points and decimal commas"), (["$5", "€5"], r"several currencies \(EUR, USD\)")],
)
def test_numbers_that_leave_it_open_are_asked_for(cells, words):
    with pytest.raises(UserError, match=words):
        numbers(*cells)


@pytest.mark.parametrize(
    ("cells", "values"),
    [(["৳2,999", "৳ 1,02,999.50"], [2999, 102999.5]), (["R$ 1.234,56", "R$5"], [1234.56, 5]),
     (["zł 5,50", "5,50 zł", "5,50 PLN"], [5.5] * 3), (["100 kr.", "kr 1 234,50", "6 SEK"], [100, 1234.5, 6]),
     (["Rs. 1,00,000.00", "Rs.500", "₹12,34,567"], [100000, 500, 1234567]),
     (["CHF 1'234.50", "Fr. 12.-", "5.–"], [1234.5, 12, 5]), (["12,- €", "5,5 €"], [12, 5.5]),
     (["12,50 лв.", "3 лв"], [12.5, 3]), (["\u200f12.00\u00a0₪", "₪3"], [12, 3]), (["6,000원", "₩7,000"], [6000, 7000]),
     (["R12.50", "R 5"], [12.5, 5]), (["1 234,5 Kč", "Kč 2"], [1234.5, 2]),
     (["1.2万", "３万", "1.25万元", "500元", "0.5萬"], [12000, 30000, 12500, 500, 5000]),
     (["1.234万", "5"], [12340, 5]), (["2,5", "1.2万"], [2.5, 12000]),
     (["-$7.00", "$-7.00", "$(7.00)", "(7.00) $", "7.00-", "7.00- $", "−7", "－７"], [-7] * 8),
     (["'12.5", '="13.5"', "1\u2009234.5"], [12.5, 13.5, 1234.5]), (["USD $5", "US$ 6"], [5, 6]),
     (["1,00,000", "5"], [100000, 5]), (["1.00.000,5", "5"], [100000.5, 5])],
)
def test_numbers_of_the_world(cells, values):
    assert numbers(*cells) == (values, [False] * len(cells))


@pytest.mark.parametrize("cell", ["12.5.2024", "1,2345.00", "12 orders", "1万2", "(5", "5) $", "--5", "1,0,000", "kr", "万"])
def test_what_is_no_number_is_bad(cell):
    assert numbers(cell, "1.5")[1] == [True, False]


@pytest.mark.parametrize(
    ("cells", "currency", "words"),
    [(["5 kr", "6 SEK"], "SEK", None), (["$5", "CA$5"], "CAD", None), (["₾5"], "GEL", None), (["元5"], "TWD", None),
     (["$5", "CA$5"], "USD", r"several currencies \(CAD, USD\)"),
     (["5 kr", "6 SEK"], "NOK", r"several currencies \(NOK, SEK\)"),
     (["5 zł"], "EUR", "here is in PLN, and client.yml says currency: EUR"), (["5 PLN"], "EUR", "here is in PLN"),
     (["R$5"], "USD", "here is in BRL")],
)
def test_a_sign_that_may_be_several_currencies_is_the_clients(cells, currency, words):
    if words is None:
        assert not any(numbers(*cells, currency=currency)[1])
    else:
        with pytest.raises(UserError, match=words):
            numbers(*cells, currency=currency)


@pytest.mark.parametrize(
    ("sign", "own", "code"),
    [("usd", "EUR", "USD"), (" zł ", "EUR", "PLN"), ("kr.", "DKK", "DKK"), ("kr", "EUR", "SEK"), ("¥", "JPY", "JPY"),
     ("元", "", "CNY"), ("points", "EUR", "POINTS")],
)
def test_currencies_by_their_signs(sign, own, code):
    assert cells_numbers.currency_of(sign, own) == code


WRITTEN = {  # how programs of the world write 1234567.89
    "plain": lambda n: f"{n:.2f}",
    "comma": lambda n: f"{n:,.2f}",
    "apostrophe": lambda n: f"{n:,.2f}".replace(",", "’"),
    "narrow blank": lambda n: f"{n:,.2f}".replace(",", "\u202f"),
    "point": lambda n: f"{n:,.2f}".translate(str.maketrans(",.", ".,")),
    "blank and comma": lambda n: f"{n:,.2f}".translate(str.maketrans(",.", "\u00a0,")),
    "full width": lambda n: f"{n:,.2f}".translate({ord(a): ord(a) + 0xFEE0 for a in "0123456789,."}),
}


@settings(max_examples=60, deadline=None)
@given(cents=st.lists(st.integers(-10**11, 10**11), min_size=1, max_size=9), dress=st.sampled_from(list(WRITTEN)),
       minus=st.sampled_from(["-{}", "−{}", "({})", "{}-", "-$ {}", "$-{}", "{} USD-", "-{}$"]))
def test_property_a_number_reads_back_from_every_dress(cents, dress, minus):
    cells = [minus.format(WRITTEN[dress](-n / 100)) if n < 0 else WRITTEN[dress](n / 100) for n in cents]
    assert numbers(*cells)[0] == [n / 100 for n in cents]


def test_plain_numbers_count_as_evidence_for_those_of_other_files():
    plain, other = a_column("12.50", "-3", "null"), a_column("1.250")
    found = cells_numbers.numbers([plain, other], None, "here")
    assert [rows(one.values) for one in found] == [[12.5, -3, None], [1.25]]
    with pytest.raises(UserError, match="mixes decimal points and decimal commas"):
        cells_numbers.numbers([plain, a_column("1,25")], None, "here")
    assert numbers("12.50", decimal=",")[1] == [True]


def test_numbers_that_are_stored_as_such_need_no_reading():
    column = Column(np.array([0, 1, -1, 2]), pa.array(["1250", "1.25", "1,5"]), np.array([1250, 1.25, np.nan]))
    (found,) = cells_numbers.numbers([column], ",", "here")
    assert rows(found.values) == [1250, 1.25, None, 1.5]


# ---------------------------------------------------------------- moments
def moments(*cells, style=None, zones=("Asia/Shanghai", "Asia/Shanghai")):
    (values,) = cells_moments.moments([a_column(*cells)], style, zones, "here")
    return [
        None if pd.isna(value) else f"{value:%Y-%m-%d %H:%M:%S.%f}".removesuffix(".000000").removesuffix(" 00:00:00")
        for value in values.values
    ], values.bad.tolist()


@pytest.mark.parametrize(
    "cell",
    ["2024-03-05 14:07:09", "2024/3/5 14:07:09", "2024.03.05 14:07:09", "2024年3月5日 14:07:09",
     "２０２４-03-05T14:07:09", "20240305 14:07:09", "05-Mar-2024 14:07:09", "5 March 2024, 14:07:09",
     "Mar 5, 2024 2:07:09 PM", "5-mar-24 14:07:09", "Tue, 5 Mar 2024 14:07:09", "March 5th, 2024 at 2:07:09 p.m.",
     "2024-03-05 下午 2:07:09", "2024-03-05 06:07:09Z", "2024-03-05T07:07:09+01:00", "2024-03-05 14:07:09 GMT+8",
     "2024-03-05 01:07:09 -0500", "2024-03-05 06:07:09 UTC"],
)
def test_dates_in_many_dresses(cell):
    assert moments(cell) == (["2024-03-05 14:07:09"], [False])


def test_the_whole_column_decides_the_order_of_day_and_month():
    assert moments("03/04/2024", "13/04/2024")[0] == ["2024-04-03", "2024-04-13"]
    assert moments("03/04/24 10:00", "04/13/24")[0] == ["2024-03-04 10:00:00", "2024-04-13"]
    assert moments("03.04.2024", style="day-first")[0] == ["2024-04-03"]
    assert moments("03.04.2024", style="month-first")[0] == ["2024-03-04"]
    assert moments("04.04.2024")[0] == ["2024-04-04"]


def test_noon_and_midnight():
    assert moments("2024-03-05 12:07 PM", "2024-03-05 12:07 AM", "2024-03-05 上午12:07")[0] == [
        "2024-03-05 12:07:00", "2024-03-05 00:07:00", "2024-03-05 00:07:00"]


def test_parts_of_a_second_are_kept():
    assert moments("2024-03-05 14:07:09.5", "2024-03-05T14:07:09,123456789Z", zones=("UTC", "UTC"))[0] == [
        "2024-03-05 14:07:09.500000", "2024-03-05 14:07:09.123456"]


@pytest.mark.parametrize(
    ("cells", "words"),
    [(["03/04/2024", "2024-05-30"], "here: '03/04/2024' can be read in two ways"),
     (["13/04/2024", "04/13/2024"], "mixes two orders of day and month"),
     (["24/01/31", "24/01/02"], "which part of '24/01/31' is the year")],
)
def test_dates_that_leave_it_open_are_asked_for(cells, words):
    with pytest.raises(UserError, match=words):
        moments(*cells)


def test_dates_blank_bad_and_by_pattern():
    found, bad = moments(
        "2024-02-30", "2024-13-01", "yesterday", "2024-01-01 25:00", "-", "", "0000-00-00", "1900-01-01"
    )
    assert found == [None] * 8
    assert bad == [True] * 4 + [False] * 4
    assert moments("24/01/31", "2024-02-01 00:00:00", "31/13/24", style="%y/%m/%d") == (
        ["2024-01-31", "2024-02-01", None],
        [False, False, True],
    )
    with pytest.raises(UserError, match="'%Q' is no pattern"):
        moments("24/01/31", style="%Q")


def test_time_zones_with_and_without_clock_changes():
    zones = ("UTC", "Europe/London")
    assert moments("2024-01-15 12:00", "2024-07-15 12:00", "2024-07-15", zones=zones)[0] == [
        "2024-01-15 12:00:00",
        "2024-07-15 13:00:00",
        "2024-07-15",
    ]
    twice_and_never = moments("2024-10-27 01:30", "2024-03-31 01:30", zones=("Europe/London", "UTC"))[0]
    assert twice_and_never == ["2024-10-27 00:30:00", "2024-03-31 01:00:00"]


@pytest.mark.parametrize(
    "cell",
    ["2024/03/05 02:07:09 PM GMT+8", "'2024-03-05 14:07:09", '="2024-03-05 14:07:09"', "2024. 3. 5. 14:07:09",
     "2024年3月5日 下午2:07:09", "2024年3月5日14时07分09秒", "2024年3月5日 星期二 14:07:09", "24年3月5日 14:07:09",
     "20240305140709", "20240305T060709Z", "5. März 2024 14:07:09", "Di., 5. Mrz. 2024 um 14:07:09 Uhr",
     "5 mars 2024 à 14:07:09", "mardi 5 mars 2024, 14:07:09", "5 de marzo de 2024, 2:07:09 p. m.",
     "5 mar 2024 14.07.09", "2024-Mar-05 14:07:09", "Tue Mar 05 2024 14:07:09 GMT+0800 (China Standard Time)",
     "2024-03-05T14:07:09.000+08:00[Asia/Shanghai]", "2024-03-05 06:07:09 (UTC)", "2024-03-05 06:07:09 +0000",
     "Mar 4, 2024 10:07:09 PM PST", "2024-03-04 22:07:09 Pacific Time (US & Canada)",
     "2024-03-05 07:07:09 Europe/Berlin", "2024-03-05 00:00:00 14:07:09", "2024-03-05 1899-12-30 14:07:09",
     "2024-03-05 14:07:09\t"],
)
def test_dates_of_the_world(cell):
    assert moments(cell) == (["2024-03-05 14:07:09"], [False])


MONTHS_OF = {"en": "January February March April May June July August September October November December",
             "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
             "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
             "fr.": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
             "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
             "es.": "ene feb mar abr may jun jul ago sept oct nov dic",
             "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
             "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
             "nl": "januari februari maart april mei juni juli augustus september oktober november december"}


@pytest.mark.parametrize("language", MONTHS_OF)
def test_months_in_words(language):
    words = MONTHS_OF[language].split()
    assert moments(*[f"8. {word} 2024" for word in words])[0] == [f"2024-{n:02}-08" for n in range(1, 13)]
    assert moments(*[f"8 de {word} de 2024" for word in words])[0] == [f"2024-{n:02}-08" for n in range(1, 13)]


@pytest.mark.parametrize(
    ("cell", "day"),
    [("1er janvier 2024", "2024-01-01"), ("3-mar-98", "1998-03-03"), ("3-mar-69", "2069-03-03"), ("31/01/70", "1970-01-31"),
     ("20240131.0", "2024-01-31"), ("2024/2/29", "2024-02-29"), ("13.4.24", "2024-04-13"), ("Sept. 5, 2024", "2024-09-05")],
)
def test_days_of_the_world(cell, day):
    assert moments(cell) == ([day], [False])


@pytest.mark.parametrize("cell", ["5 March", "5 Foo 2024", "2024-03-05 14:07 approx", "2024-03-05 14", "20241301", "29.2.2023",
                                  "2024030525", "14:07:09", "1004-01-01", "2201-01-01", "12345", "2024-3-5 25:00"])
def test_what_is_no_date_is_bad(cell):
    assert moments(cell, "31/12/2024 10:00") == ([None, "2024-12-31 10:00:00"], [True, False])


def test_dates_with_points_have_the_day_first_unless_they_show_otherwise():
    assert moments("03.04.2024", "04/13/2024")[0] == ["2024-04-03", "2024-04-13"]
    assert moments("03.04.2024", "04.13.2024")[0] == ["2024-03-04", "2024-04-13"]


@pytest.mark.parametrize(
    "cell",
    ["0", "0000-00-00", "0000-00-00 00:00:00", "00/00/0000", "1900-01-00", "1/0/1900", "1900-01-01 08:00:00", "1899-12-30",
     "12/31/1899", "01/01/1970", "1970-01-01T08:00:00", "1969-12-31 16:00:00", "0001-01-01 00:00:00", "'1900-01-01"],
)
def test_dates_that_stand_for_none(cell):
    for other in ("31/12/2024 10:00", "2024-12-31 10:00"):
        assert moments(cell, other)[1] == [False, False]
        assert rows(moments(cell, other)[0])[0] is None


# ---------------------------------------------------------------- dates that are numbers
def test_days_of_a_spreadsheet():
    assert moments("45321", "45322.75", "-") == (["2024-01-30", "2024-01-31 18:00:00", None], [False] * 3)
    assert moments("45356.5882986111")[0] == ["2024-03-05 14:07:09"]  # as a spreadsheet keeps it
    zones = ("America/New_York", "UTC")
    assert moments("45321", "45321.75", zones=zones)[0] == ["2024-01-30 05:00:00", "2024-01-30 23:00:00"]
    assert moments("45321", "45322", zones=zones)[0] == ["2024-01-30", "2024-01-31"]  # dates stay what they are


def test_a_number_is_a_date_only_where_all_cells_are():
    assert moments("45321", "2024-01-31") == ([None, "2024-01-31"], [True, False])
    for other in ("12345", "99999", "1706659200"):
        assert moments("45321", other)[1] == [True, True]


def test_days_and_seconds_that_are_stored_as_numbers():
    for values, kind in (([45321, 45321.75], pa.float64()), ([1706572800, 1706637600], pa.int64()),
                         ([1706572800000.0, 1706637600000.0], pa.float64())):
        (found,) = cells_moments.moments([a_column(*values, kind=kind)], None, ("UTC", "UTC"), "here")
        assert found.values.tolist() == [pd.Timestamp("2024-01-30"), pd.Timestamp("2024-01-30 18:00")]


def test_seconds_and_milliseconds_since_1970():
    for zones in (("Asia/Shanghai", "UTC"), ("UTC", "UTC")):  # they are in UTC, whatever the file's own zone
        assert moments("1709618829", "", zones=zones) == (["2024-03-05 06:07:09", None], [False, False])
        assert moments("1709618829123", zones=zones)[0] == ["2024-03-05 06:07:09.123000"]
    assert moments("1709618829", "4202444800")[1] == [True, True]  # 2103


def test_a_pattern_comes_before_all_guesses():
    assert moments("45399", style="%y%j") == ([None], [True])
    assert moments("24031", style="%y%j")[0] == ["2024-01-31"]
    assert moments("03.04.2024", "2024-05-01 CST", style="%Y-%m-%d CST")[0] == [None, "2024-05-01"]


# ---------------------------------------------------------------- time zones
def test_offsets_that_change_with_daylight_saving():
    cells = ["2024-03-10 01:30:00 -0800", "2024-03-10 03:30:00 -0700", "2024-11-03 01:30:00 -0700", "2024-11-03 01:30:00 -0800"]
    hours = ["2024-03-10 09:30:00", "2024-03-10 10:30:00", "2024-11-03 08:30:00", "2024-11-03 09:30:00"]
    assert moments(*cells, zones=("UTC", "UTC"))[0] == hours
    named = [cell.replace("-0800", "PST").replace("-0700", "PDT") for cell in cells]
    assert moments(*named, zones=("UTC", "UTC"))[0] == hours


def test_midnight_everywhere_is_a_date_as_a_program_writes_it():
    zones = ("UTC", "America/New_York")
    assert moments("2024-01-31 00:00:00", "2024-02-01", zones=zones)[0] == ["2024-01-31", "2024-02-01"]
    assert moments("31/01/2024 00:00", zones=zones)[0] == ["2024-01-31"]
    assert moments("2024-01-31 00:00:00", "2024-02-01 12:00", zones=zones)[0] == ["2024-01-30 19:00:00", "2024-02-01 07:00:00"]
    assert moments("2024-01-31T00:00:00Z", zones=zones)[0] == ["2024-01-30 19:00:00"]


def test_a_zone_that_could_be_several_is_asked_for():
    with pytest.raises(UserError, match="here: 'CST' names several time zones.*time_zone"):
        moments("Mar 5, 2024 06:07 AM CST")


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Pacific Time (US & Canada)", "America/Los_Angeles"), ("(GMT-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("Central Time (US & Canada)", "America/Chicago"), ("Pacific Standard Time", "America/Los_Angeles"),
        ("PST", "America/Los_Angeles"), ("pdt", "America/Los_Angeles"), ("EST", "America/New_York"), ("CET", "Europe/Berlin"),
        ("Europe/Berlin", "Europe/Berlin"), ("america/new_york", "America/New_York"), ("New York", "America/New_York"),
        ("Beijing", "Asia/Shanghai"), ("China Standard Time", "Asia/Shanghai"), ("北京时间", "Asia/Shanghai"),
        ("W. Europe Standard Time", "Europe/Berlin"), ("Hong Kong", "Asia/Hong_Kong"), ("Arizona", "America/Phoenix"),
        ("GMT+8", "Etc/GMT-8"), ("UTC-05:00", "Etc/GMT+5"), ("GMT", "UTC"), ("Z", "UTC"), ("(UTC)", "UTC"), ("Tokyo", "Asia/Tokyo"),
    ],
)
def test_time_zones_by_their_names(name, zone):
    assert cells_zones.zone_named(name) == zone
    assert ZoneInfo(zone)


def test_all_zones_that_are_promised_exist():
    assert all(ZoneInfo(zone) for zone in cells_zones.ZONES.values())
    assert not cells_zones.ZONES.keys() & cells_zones.SEVERAL.keys()


@pytest.mark.parametrize(
    ("name", "words"),
    [("CST", "names several time zones"), ("IST", "names several"), ("Mars", "'Mars' is no time zone"), ("", "is no time zone"),
     ("UTC+5:30", "such as Europe/Berlin or Asia/Kolkata"), ("South", "is no time zone"), ("GMT+25", "is no time zone")],
)
def test_time_zones_that_cannot_be_known(name, words):
    with pytest.raises(UserError, match=words):
        cells_zones.zone_named(name)


# ---------------------------------------------------------------- any moment, any style
SECONDS = {  # styles that hold a whole moment
    "iso": "%Y-%m-%d %H:%M:%S", "T": "%Y-%m-%dT%H:%M:%S", "slashes": "%Y/%m/%d %H:%M:%S", "compact": "%Y%m%d%H%M%S",
    "day first": "%d/%m/%Y %H:%M:%S", "points": "%d.%m.%Y %H:%M:%S", "US words": "%b %d, %Y %I:%M:%S %p",
    "UK words": "%d %B %Y %H:%M:%S", "Chinese": "%Y年%m月%d日 %H:%M:%S", "two digits": "%d-%b-%y %H:%M:%S",
    "mail": "%a, %d %b %Y %H:%M:%S",
}
ZONED = {
    "Z": lambda t: f"{t.astimezone(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}",
    "offset": lambda t: f"{t.astimezone(ZoneInfo('America/New_York')):%Y-%m-%d %H:%M:%S %z}",
    "named": lambda t: f"{t.astimezone(ZoneInfo('America/Los_Angeles')):%d/%m/%Y %I:%M:%S %p %Z}",
    "form": lambda t: f"{t:%Y/%m/%d %I:%M:%S %p} GMT+8",
    "seconds": lambda t: f"{t.timestamp():.0f}",
    "days": lambda t: repr((t.replace(tzinfo=None) - datetime.datetime(1899, 12, 30)) / datetime.timedelta(days=1)),
}
ALONE = ("seconds", "days")  # styles that a column must hold throughout
MOMENTS = st.datetimes(datetime.datetime(2002, 1, 1), datetime.datetime(2032, 12, 31)).map(
    lambda t: t.replace(microsecond=0, tzinfo=ZoneInfo("Asia/Shanghai")))


def written(moment, style):
    return f"{moment:{SECONDS[style]}}" if style in SECONDS else ZONED[style](moment)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_property_the_same_moments_in_any_styles_read_the_same(data):
    tells = datetime.datetime(2024, 1, 31, 10, 20, 30, tzinfo=ZoneInfo("Asia/Shanghai"))  # day from month
    given_moments = [*data.draw(st.lists(MOMENTS, min_size=1, max_size=8)), tells]
    mixed = st.sampled_from([style for style in (*SECONDS, *ZONED) if style not in ALONE])
    alone = data.draw(st.sampled_from([None, None, "day first", *ALONE]))
    cells = [written(moment, alone or data.draw(mixed)) for moment in given_moments[:-1]]
    cells.append(written(given_moments[-1], alone or "day first"))
    assert moments(*cells) == ([f"{moment:%Y-%m-%d %H:%M:%S}".removesuffix(" 00:00:00") for moment in given_moments],
                               [False] * len(cells))


@settings(max_examples=100, deadline=None)
@given(days=st.lists(st.dates(datetime.date(1990, 1, 1), datetime.date(2099, 12, 31)), min_size=1, max_size=8),
       style=st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%b %d, %Y", "%Y年%m月%d日", "days"]))
def test_property_the_same_days_in_any_style_read_the_same(days, style):
    days = [*days, datetime.date(2024, 1, 31)]
    cells = [str((day - datetime.date(1899, 12, 30)).days) if style == "days" else f"{day:{style}}" for day in days]
    assert moments(*cells, zones=("UTC", "America/New_York")) == ([str(day) for day in days], [False] * len(days))


# ---------------------------------------------------------------- columns joined
def test_date_and_time_are_joined_row_by_row():
    day = a_column("2024-01-31", "2024-01-31", "-", "2024-02-01", "")
    clock = a_column("9:15:51 AM", "1:00:00 PM", "", "9:15:51 AM", "null")
    both = meaning.joined([day, clock], " ")
    assert [both.cell(row) for row in range(5)] == ["2024-01-31 9:15:51 AM", "2024-01-31 1:00:00 PM", "", "2024-02-01 9:15:51 AM", ""]
    assert (both.codes >= 0).tolist() == [True, True, False, True, False]
    (found,) = cells_moments.moments([both], None, ("UTC", "UTC"), "here")
    assert [str(value) for value in found.values] == ["2024-01-31 09:15:51", "2024-01-31 13:00:00", "NaT", "2024-02-01 09:15:51", "NaT"]


def test_year_month_and_day_are_joined():
    parts = [a_column(2024, 2023, 2024, kind=pa.int64()), a_column("3", "Dec", "3"), a_column("5", "31", "5")]
    ymd = meaning.joined(parts, "-")
    assert len(ymd.text) == 2  # distinct combinations only
    (found,) = cells_moments.moments([ymd], None, ("UTC", "UTC"), "here")
    assert [str(value)[:10] for value in found.values] == ["2024-03-05", "2023-12-31", "2024-03-05"]


def test_nothing_joined_is_nothing():
    assert len(meaning.joined([a_column(), a_column()], " ").codes) == 0


# ---------------------------------------------------------------- e-mail addresses and telephone numbers
def contacts(how, *cells):
    found = how(a_column(*cells))
    assert not found.bad.any()
    assert not (found.masked & found.unusable).any()
    assert found.values[found.masked | found.unusable].isna().all()
    return rows(found.values), found.masked.tolist(), found.unusable.tolist()


def test_addresses_of_one_person_are_the_same():
    cells = ["Ann.Lee+x@Example.COM", " ann.lee+x@example.com\t", "Ann Lee <ann.lee+x@example.com>", "mailto:ann.lee+x@example.com",
             "ａnn.lee+x＠example.com", "'ann.lee+x@example.com", "ann.lee+x@example.com\u200b"]
    assert contacts(cells_contacts.emails, *cells) == (["ann.lee+x@example.com"] * 7, [False] * 7, [False] * 7)


@pytest.mark.parametrize("cell", ["ann", "ann@", "@example.com", "ann@example", "a b@example.com", "a@example.com, b@example.com",
                                  "ann@@example.com", "13800138000", "ann@example."])
def test_what_is_no_address_is_missing_and_told(cell):
    assert contacts(cells_contacts.emails, cell, "b@example.com") == ([None, "b@example.com"], [False] * 2, [True, False])


@pytest.mark.parametrize("cell", ["a***@example.com", "x@***", "t**8", "•••@example.com", "x@*", "a＊＊@example.com"])
def test_masked_addresses_are_missing_and_told(cell):
    assert contacts(cells_contacts.emails, cell, "b@example.com") == ([None, "b@example.com"], [True, False], [False] * 2)


def test_blank_addresses_and_numbers_are_neither():
    for how in (cells_contacts.emails, cells_contacts.phones):
        assert contacts(how, "", "-", "null", "无") == ([None] * 4, [False] * 4, [False] * 4)


def test_numbers_of_one_person_are_the_same():
    cells = ["13800138000", "+86 138-0013-8000", "0086 138 0013 8000", "86-13800138000", "013800138000", "'13800138000",
             "１３８００１３８０００", "13800138000.0", "\t13800138000", "tel: 13800138000", "+86 13800138000 ext. 12"]
    assert contacts(cells_contacts.phones, *cells) == (["13800138000"] * 11, [False] * 11, [False] * 11)
    assert contacts(cells_contacts.phones, "+44 (0)20 7946 0018", "0044 20 7946 0018", "(020) 7946 0018")[0] == [
        "442079460018", "442079460018", "02079460018"]


@pytest.mark.parametrize(("country", "one", "alike", "other"), [
    ("DE", "0170 1234567", ["+49 170 1234567", "0049 (0)170/1234567", "491701234567", "+49(0)170 1234567"], "170 1234568"),
    ("US", "(310) 555-1234", ["+1 310 555 1234", "13105551234", "1-310-555-1234 x5"], "+44 310 555 1234"),
    ("GB", "020 7946 0000", ["+44 20 7946 0000", "00442079460000"], "+49 20 7946 0000"),
    ("IT", "06 69812345", ["+39 06 69812345", "390669812345"], "0669812346"),
    ("CN", "010-12345678", ["+86 10 1234 5678"], "01012345679"),
    ("CN", "13800138000", ["+86 138-0013-8000", "013800138000"], "13800138001"),
    ("AQ", "0170 1234567", ["(0170) 1234567"], "+49 170 1234567"),  # a country without telephones of its own
    ("", "+49 170 1234567", ["491701234567"], "0170 1234567"),  # of which country is not known
])
def test_telephone_numbers_of_a_country_are_one_however_they_are_dialled(country, one, alike, other):
    found = rows(cells_contacts.phones(a_column(one, *alike, other), country).values)
    assert len({*found[:-1]}) == 1 and found[0] != found[-1]


@pytest.mark.parametrize("country", ["DE", "US"])
@given(cell=st.text("0123456789+ ()", max_size=18))
def test_property_no_text_is_too_odd_for_a_telephone_number(country, cell):
    found = cells_contacts.phones(a_column(cell, "0"), country).values[0]
    assert pd.isna(found) or found.isdigit()


@pytest.mark.parametrize("cell", ["12345", "1.38E+10", "1,38001E+10", "00000000000", "11111111111", "none known",
                                  "13800138000/13900139000"])
def test_what_is_no_telephone_number_is_missing_and_told(cell):
    assert contacts(cells_contacts.phones, cell, "13800138000") == ([None, "13800138000"], [False] * 2, [True, False])


@pytest.mark.parametrize("cell", ["138****1234", "138xxxx1234", "+86138••••1234", "*******1234"])
def test_masked_telephone_numbers_are_missing_and_told(cell):
    assert contacts(cells_contacts.phones, cell, "13800138000") == ([None, "13800138000"], [True, False], [False] * 2)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [("张**", True), ("张*", True), ("*明", True), ("t**8", True), ("138****1234", True), ("138xxxx1234", True), ("ab×××", True),
     ("a•b•", True), ("张＊", True), ("张三", False), ("A*1", False), ("2× Mug", False), ("Maxx", False), ("1xx2", False), ("", False),
     (None, False)],
)
def test_masked_names(text, hidden):
    assert cells_contacts.masked(pa.array([text], pa.string())).tolist() == [hidden]


# ---------------------------------------------------------------- speed
def test_a_long_column_of_moments_is_read_in_one_go():
    moment = np.datetime64("2020-01-01", "s") + 300 * np.arange(100_000)
    iso, other = (pa.array(pd.Series(moment).dt.strftime(style)) for style in ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S"))
    took = []
    for text in (iso, other):
        column = Column(np.arange(len(moment)), text)
        start = time.perf_counter()
        (found,) = cells_moments.moments([column], None, ("UTC", "UTC"), "here")
        took.append(time.perf_counter() - start)
        assert (found.values.to_numpy() == moment).all()
    assert took[0] < took[1] / 2
