"""Those who opted out: recognised like any other customer, counted, and an empty list is no error."""

from pathlib import Path

import pandas as pd
import pytest

from loyalty_helpers.core import settings as client
from loyalty_helpers.core.settings import load_client
from loyalty_helpers.ingest import prepare as ingest
from loyalty_helpers.ingest import pseudonyms
from loyalty_helpers.onboarding import start
from loyalty_helpers.run import check

ORDERS = ("order_id,customer_id,email,phone,ordered_at,amount\n"
          "1,A,ann@x.org,,2024-01-05,10\n2,B,ben@x.org,,2024-01-06,10\n3,,cleo@x.org,,2024-01-07,10\n"
          "4,,,+44 7700 900123,2024-01-08,10\n5,E,,,2024-01-09,10\n")
SETTINGS = """name: Shop
currency: GBP
time_zone: Europe/London
ids: plain
sources:
  orders: {files: o.csv, columns: {email: email, phone: phone}}
  opt_outs: """


@pytest.fixture
def prepared(tmp_path):
    def make(opt_outs: str, settings: str = "out.csv") -> ingest.Prepared:
        folder = tmp_path / "data" / "shop"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "o.csv").write_text(ORDERS)
        (folder / "out.csv").write_text(opt_outs)
        (folder / "client.yml").write_text(SETTINGS + settings + "\n")
        return ingest.prepare(load_client("shop", tmp_path))

    return make


def test_people_are_recognised_by_id_address_and_number(prepared):
    found = prepared("customer_id,mail,tel,at\nE,,,2024-02-01\n,Ann@X.org ,,2024-02-02\n,cleo@x.org,,\n"
                     ",,0044 7700 900123,\n,nobody@x.org,,\nE,,,2024-01-01\n,,,2024-01-01\n",
                     "{files: out.csv, columns: {email: mail, phone: tel}}")
    orders = found.tables["orders"].set_index("order_id")["customer_id"]
    out = found.tables["opt_outs"]
    assert out.columns.tolist() == ["customer_id", "at"]
    assert set(out["customer_id"]) == {orders["5"], orders["1"], orders["3"], orders["4"], "nobody@x.org"}
    assert len(out) == 5 and out.loc[out["customer_id"] == "E", "at"].tolist() == [pd.Timestamp("2024-01-01")]
    assert found.ledger.sentence("opt_outs").startswith("7 rows read = 5 kept + 2 set aside")


def test_an_export_of_consent_will_do(prepared):
    rule = 'set_aside: {agreed: {column: Newsletter, equals: "yes"}}'
    found = prepared("mail,Newsletter\nann@x.org,yes\nben@x.org,no\ncleo@x.org,\n",
                     "{files: out.csv, columns: {email: mail}, " + rule + "}")
    assert sorted(found.tables["opt_outs"]["customer_id"]) == ["B", "cleo@x.org"]  # no answer is no consent


@pytest.mark.parametrize("text", ["customer_id\n", "customer_id,Newsletter\nA,yes\nB,yes\n"])
def test_that_nobody_has_opted_out_is_no_error(prepared, text):
    settings = 'out.csv' if "News" not in text else (
        '{files: out.csv, set_aside: {agreed: {column: Newsletter, equals: "yes"}}}')
    found = prepared(text, settings)
    assert found.tables["opt_outs"].empty and len(found.tables["orders"]) == 5
    assert found.tables["opt_outs"].dtypes.astype(str).to_dict() == {"customer_id": "str", "at": "datetime64[us]"}


def test_nothing_else_depends_on_the_list(prepared, tmp_path):
    with_list = prepared("customer_id\nA\nZ\n").tables
    path = tmp_path / "data" / "shop" / "client.yml"
    path.write_text(SETTINGS.replace("  opt_outs: ", ""))
    without = ingest.prepare(load_client("shop", tmp_path)).tables
    assert set(with_list) - set(without) == {"opt_outs"}
    assert all(frame.equals(with_list[name]) for name, frame in without.items())


def test_ids_become_the_pseudonyms_of_the_orders(prepared, tmp_path, monkeypatch):
    monkeypatch.setenv(pseudonyms.VARIABLE, "a key for the tests only")
    prepared("customer_id\nA\n")
    path = tmp_path / "data" / "shop" / "client.yml"
    path.write_text(path.read_text().replace("ids: plain", "ids: keyed"))
    found = ingest.prepare(load_client("shop", tmp_path))
    (out,) = found.tables["opt_outs"]["customer_id"]
    orders = found.tables["orders"].set_index("order_id")["customer_id"]
    assert out == orders["1"] != "A"
    assert "opt_outs: out.csv. 1 row read" in check.describe(load_client("shop", tmp_path))


def test_make_new_proposes_the_list_from_a_column_of_consent(tmp_path):
    exports = Path(__file__).parent / "formats"
    place = tmp_path / "exports"
    place.mkdir()
    for one in ("shopify_orders/orders_2022.csv", "shopify_customers/customers_export.csv"):
        (place / Path(one).name).write_bytes((exports / one).read_bytes())
    people = place / "customers_export.csv"
    people.write_text(people.read_text().replace(",yes,", ",no,", 1))
    (tmp_path / "data").mkdir()
    path, _ = start.make("acme", place, tmp_path)
    line = next(line for line in path.read_text().splitlines() if "agreed to be written to" in line)
    assert "Accepts Email Marketing" in line and client.GUESSED in line
    out = ingest.prepare(load_client("acme", tmp_path)).tables["opt_outs"]
    assert len(out) == 1
