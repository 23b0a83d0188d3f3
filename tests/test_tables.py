"""Orders -> customers and weeks (known answers, a second way of counting, both engines), and the files they live in."""

import json
import math
from datetime import date, datetime, timedelta
from fractions import Fraction

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_helpers import client, tables
from loyalty_helpers.core.columns import SCHEMA
from loyalty_helpers.core.errors import UserError

AS_OF, ORIGIN = date(2024, 2, 1), date(2024, 1, 1)
COLUMNS = ["order_id", "customer_id", "ordered_at", "amount", "is_refund", "category", "rating"]
CONNECTION = duckdb.connect()


def frame(rows, table="orders", columns=COLUMNS):
    return (pd.DataFrame(rows, columns=columns).reindex(columns=list(SCHEMA[table]))
            .astype({"ordered_at": "datetime64[us]"} if table == "orders" else {}).astype(SCHEMA[table]))


def both(make, *frames, **options):
    """The result of pandas, after a check that DuckDB gives the very same."""
    of_pandas = make(*frames, **options)
    relations = {name: CONNECTION.from_df(value) if isinstance(value, pd.DataFrame) else value
                 for name, value in options.items()}
    of_duckdb = make(*(CONNECTION.from_df(one) for one in frames), **relations)
    assert isinstance(of_pandas, pd.DataFrame) and isinstance(of_duckdb, duckdb.DuckDBPyRelation)
    if of_pandas.empty:  # an empty column of DuckDB has no type of its own in pandas
        assert of_duckdb.df().empty and list(of_duckdb.columns) == list(of_pandas.columns)
    else:
        pd.testing.assert_frame_equal(of_pandas, of_duckdb.df())
    return of_pandas


ORDERS = frame([
    # Ann: two orders, one of them in two rows, a refund later
    ("a1", "ann", "2024-01-01 10:00", 10.0, False, "tea", 5.0),
    ("a2", "ann", "2024-01-20 09:00", 20.0, False, "tea", None),
    ("a2", "ann", "2024-01-09 08:00", 2.0, False, "cups", 4.0),
    ("a2", "ann", "2024-01-25 00:00", -5.0, True, "plates", None),
    ("b1", "bob", "2023-12-31 23:59:59.999999", 7.0, False, None, None),
    ("c1", "cy", "2023-12-24 23:00", -3.0, True, "tea", None),
    ("d1", None, "2024-01-02 12:00", 99.0, False, "tea", 1.0),
    ("a1", "dan", "2024-01-31 12:00", 1.0, False, "tea", None),  # another shop's a1
])
MEMBERS = frame([("ann", "2024-01-09"), ("ann", "2024-01-02"), ("zoe", "2024-01-01")], "members",
                ["customer_id", "joined_at"])


def test_customers_known_answers():
    got = both(tables.customers, ORDERS, as_of=AS_OF, members=MEMBERS).set_index("customer_id")
    assert list(got.index) == ["ann", "bob", "cy", "dan"]  # neither anonymous orders nor members without orders
    ann = got.loc["ann"]
    assert [ann.first_order_at, ann.last_order_at] == list(pd.to_datetime(["2024-01-01 10:00", "2024-01-20 09:00"]))
    assert (ann.orders, ann.spend, ann.mean_order) == (2, 27.0, 13.5)
    assert (ann.categories, ann.rating) == (2, 4.5)  # a category only refunded was not bought
    assert (ann.recency_days, ann.tenure_days) == (11, 30)  # 11 days 15 hours; 30 days 14 hours
    assert ann.joined_at == pd.Timestamp("2024-01-02")
    bob = got.loc["bob"]
    assert (bob.orders, bob.spend, bob.recency_days) == (1, 7.0, 31)  # 31 days and a microsecond
    assert got.loc["bob", ["categories", "rating", "joined_at"]].isna().all()
    assert (got.loc["dan", "orders"], got.loc["dan", "recency_days"]) == (1, 0)


def test_refunds_only_is_money_without_orders():
    got = both(tables.customers, ORDERS, as_of=AS_OF).set_index("customer_id").loc["cy"]
    assert (got.orders, got.spend) == (0, -3.0)
    assert got.drop(["orders", "spend"]).isna().all()


def test_weeks_known_answers():
    got = both(tables.customer_weeks, ORDERS, origin=ORIGIN)
    assert list(got.itertuples(index=False, name=None)) == [
        ("ann", 0, 1, 10.0),
        ("ann", 1, 1, 2.0),  # order a2 counts where it began, its money where it stands
        ("ann", 2, 0, 20.0),
        ("ann", 3, 0, -5.0),
        ("bob", -1, 1, 7.0),  # a microsecond before the launch
        ("cy", -2, 0, -3.0),
        ("dan", 4, 1, 1.0),
    ]


def test_input_is_unchanged_and_an_empty_table_is_no_error():
    before = ORDERS.copy(deep=True)
    tables.customers(ORDERS, as_of=AS_OF, members=MEMBERS)
    tables.customer_weeks(ORDERS, origin=ORIGIN)
    pd.testing.assert_frame_equal(ORDERS, before)
    anonymous = ORDERS[ORDERS["customer_id"].isna()]
    assert both(tables.customers, anonymous, as_of=AS_OF).empty
    assert both(tables.customer_weeks, anonymous, origin=ORIGIN).empty


def test_orders_without_a_number_are_orders_each():
    rows = [(None, "ann", f"2024-01-0{day}", 1.0, False, None, None) for day in (1, 2, 3)]
    assert both(tables.customers, frame(rows), as_of=AS_OF)["orders"].tolist() == [3]
    assert both(tables.customer_weeks, frame(rows), origin=ORIGIN)["orders"].tolist() == [3]


MOMENTS = st.datetimes(datetime(2023, 11, 1), datetime(2024, 1, 31, 23, 59))
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", "4", "5", "订单 6"]),
        st.sampled_from(["ann", "Ann", "bob", "张", None]),
        MOMENTS,
        st.integers(0, 10**6).map(lambda cents: cents / 100),
        st.booleans(),
        st.sampled_from(["tea", "cups", None]),
        st.sampled_from([1.0, 4.0, 5.0, None]),
    ).map(lambda row: (*row[:3], -row[3] if row[4] else row[3], *row[4:])),
    min_size=1, max_size=25,
)


def counted_by_hand(rows):
    """customer -> (orders, spend, first, last, categories), and (customer, week) -> (orders, spend), with sets."""
    people = {who: [row for row in rows if row[1] == who] for who in {row[1] for row in rows} - {None}}
    customers, weeks = {}, {}
    for who, mine in people.items():
        bought = [row for row in mine if not row[4]]
        moments = [row[2] for row in bought]
        kinds = {row[5] for row in bought} - {None}
        customers[who] = (len({row[0] for row in bought}), sum(Fraction(row[3]) for row in mine),
                          min(moments, default=None), max(moments, default=None), len(kinds) or None)
        first = {number: min(row[2] for row in bought if row[0] == number) for number in {row[0] for row in bought}}
        for row in mine:
            week = math.floor((row[2] - datetime(2024, 1, 1)) / timedelta(days=7))
            orders, spend = weeks.get((who, week), (0, 0))
            weeks[who, week] = (orders, spend + Fraction(row[3]))
        for moment in first.values():
            week = math.floor((moment - datetime(2024, 1, 1)) / timedelta(days=7))
            orders, spend = weeks[who, week]
            weeks[who, week] = (orders + 1, spend)
    return customers, weeks


@settings(max_examples=30, deadline=None)
@given(rows=ROWS, order=st.randoms(use_true_random=False))
def test_any_orders(rows, order):
    """Both engines count as a slow count by hand does, whatever the order of the rows; and the totals agree."""
    by_hand, weeks_by_hand = counted_by_hand(rows)
    shuffled = rows[:]
    order.shuffle(shuffled)
    people = both(tables.customers, frame(rows), as_of=AS_OF)
    weeks = both(tables.customer_weeks, frame(rows), origin=ORIGIN)
    pd.testing.assert_frame_equal(tables.customers(frame(shuffled), as_of=AS_OF), people)
    pd.testing.assert_frame_equal(tables.customer_weeks(frame(shuffled), origin=ORIGIN), weeks)

    assert people["customer_id"].tolist() == sorted(by_hand)
    for row in people.itertuples():
        orders, spend, first, last, categories = by_hand[row.customer_id]
        assert (row.orders, row.spend) == (orders, pytest.approx(float(spend)))
        got = [row.first_order_at, row.last_order_at, row.categories]
        assert [None if pd.isna(value) else value for value in got] == [first, last, categories]
        assert pd.isna(row.mean_order) if orders == 0 else row.mean_order == pytest.approx(float(spend) / orders)
    assert {(row.customer_id, row.week): (row.orders, pytest.approx(row.spend)) for row in weeks.itertuples()} == {
        key: (orders, float(spend)) for key, (orders, spend) in weeks_by_hand.items()}

    identified = sum(row[3] for row in rows if row[1] is not None)
    assert people["spend"].sum() == pytest.approx(identified, abs=1e-6)
    assert weeks["spend"].sum() == pytest.approx(identified, abs=1e-6)
    assert weeks["orders"].sum() == people["orders"].sum()


# ---------------------------------------------------------------- files
@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "data" / "acme"
    folder.mkdir(parents=True)
    (folder / "client.yml").write_text("{name: Acme, currency: CNY, time_zone: UTC, sources: {orders: o.csv}}")
    return client.load_client("acme", tmp_path)


def files(shop):
    return sorted(path.name for path in shop.prepared.rglob("*"))


def test_a_set_comes_back_as_it_was(shop):
    people = tables.customers(ORDERS, as_of=AS_OF)
    tables.write(shop, {"orders": ORDERS, "members": MEMBERS, "customers": people})
    pd.testing.assert_frame_equal(tables.read(shop, "orders"), ORDERS)
    assert tables.read(shop, "members")["tier"].dtype == "str"  # all missing, and still text
    assert list(tables.read_all(shop)) == ["customers", "members", "orders"]
    pd.testing.assert_frame_equal(tables.read_all(shop)["customers"], people)


def test_a_new_set_replaces_the_old_and_leaves_results_alone(shop):
    tables.write(shop, {"orders": ORDERS, "members": MEMBERS})
    tables.save_result(shop, "kpis", pd.DataFrame({"kpi": ["retention"]}))
    tables.write(shop, {"orders": ORDERS.head(1)})
    assert files(shop) == ["kpis.csv", "orders.parquet", "results"]
    assert len(tables.read(shop, "orders")) == 1


def test_a_table_that_cannot_be_written_leaves_the_old_set(shop):
    tables.write(shop, {"orders": ORDERS, "members": MEMBERS})
    with pytest.raises(Exception, match="object"):
        tables.write(shop, {"members": MEMBERS.head(1), "orders": pd.DataFrame({"mixed": [1, object()]})})
    assert files(shop) == ["members.parquet", "orders.parquet"]
    pd.testing.assert_frame_equal(tables.read(shop, "members"), MEMBERS)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_kill_between_files_never_leaves_a_mixture(shop, monkeypatch, after):
    tables.write(shop, {"orders": ORDERS, "members": MEMBERS, "customers": ORDERS})
    replace, done = tables.os.replace, []

    def killed(source, target):
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(target)
        replace(source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(tables.os, "replace", killed)
        tables.write(shop, {"orders": ORDERS.head(1), "members": MEMBERS.head(1), "customers": ORDERS.head(1)})
    for read in (lambda: tables.read(shop, "members"), lambda: tables.read_all(shop)):
        with pytest.raises(UserError, match="run chapter 01"):
            read()
    tables.write(shop, {"orders": ORDERS})
    assert files(shop) == ["orders.parquet"]


def test_what_is_not_there_is_said_in_plain_words(shop):
    with pytest.raises(UserError, match=r"Nothing is prepared for acme.*chapter 01"):
        tables.read_all(shop)
    with pytest.raises(UserError, match=r"result 'kpis' of acme is not there yet"):
        tables.read_result(shop, "kpis")
    tables.write(shop, {"orders": ORDERS})
    with pytest.raises(UserError, match=r"no table 'survey'.*under 'sources'"):
        tables.read(shop, "survey")
    with pytest.raises(UserError, match=r"Did you mean 'customers'\?"):
        tables.read(shop, "costumers")


def test_results_come_back_and_words_for_nothing_stay_words(shop):
    result = pd.DataFrame({"name": ["NA", None, "会员"], "value": [0.1, np.nan, 3.0], "flag": [True, False, True]})
    assert tables.save_result(shop, "x", result) == shop.results / "x.csv"
    pd.testing.assert_frame_equal(tables.read_result(shop, "x"), result.astype({"name": "str"}))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(tmp_path, start):
    frame = pd.DataFrame({f"{start}head": [f"{start}1+1", "a=b", None], "number": [-1.5, 2, 3],
                          "group": pd.Categorical([f"{start}x", "y", "y"])})
    path = tmp_path / "deep" / "x.csv"
    tables.write_csv(frame, path)
    back = pd.read_csv(path)
    kept = start.replace("\r", "\n")  # a bare carriage return would end the row
    assert list(back) == [f"'{kept}head", "number", "group"]
    assert back.iloc[0].tolist() == [f"'{kept}1+1", -1.5, f"'{kept}x"]
    assert back.iloc[1].tolist() == ["a=b", 2, "y"]
    assert list(frame) == [f"{start}head", "number", "group"]


class Unwritable:
    def __str__(self):
        raise OSError("disk full")


def test_a_file_is_whole_or_not_there_and_readable_for_others(tmp_path):
    path = tmp_path / "x.csv"
    tables.write_csv(pd.DataFrame({"a": ["old"]}), path)
    with pytest.raises(OSError, match="disk full"):
        tables.write_csv(pd.DataFrame({"a": ["new", Unwritable()]}), path)
    assert path.read_text() == "a\nold\n"
    assert [one.name for one in tmp_path.iterdir()] == ["x.csv"]
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_json_has_no_nan(tmp_path):
    path = tmp_path / "x.json"
    tables.write_json({"a": [math.nan, math.inf, np.float64("nan"), pd.NA, pd.NaT, None], "b": np.int64(3), 4: True,
                       "day": date(2024, 1, 2), "at": pd.Timestamp("2024-01-02 03:04"), "row": pd.Series([1.5]),
                       "words": "会员 <b>"}, path)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == {"a": [None] * 6, "b": 3, "4": True, "day": "2024-01-02", "at": "2024-01-02T03:04:00",
                                "row": [1.5], "words": "会员 <b>"}
    assert "会员" in text and "NaN" not in text
