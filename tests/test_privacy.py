"""The privacy gate: keys, pseudonyms, what stays at the door, and what others may see."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import small_clone
from hypothesis import given
from hypothesis import strategies as st

from loyalty_helpers import client as settings
from loyalty_helpers import holdout, ingest, privacy, tables
from loyalty_helpers.client import load_client
from loyalty_helpers.core import columns
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.findings import Change, Effect, Finding

KEY = b"a key for the tests, of no other use"
SETTINGS = """
name: Acme
currency: EUR
time_zone: Europe/Berlin
sources:
  orders: orders.csv
  members: members.csv
"""


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A place for the key file; its path."""
    monkeypatch.delenv(privacy.VARIABLE, raising=False)
    monkeypatch.setenv("APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "loyalty-template" / "key"


@pytest.fixture
def secret(monkeypatch) -> None:
    monkeypatch.setenv(privacy.VARIABLE, KEY.decode())


def shop_with(root: Path, key: str = "acme", **files: str) -> settings.Client:
    folder = root / "data" / key
    folder.mkdir(parents=True)
    (folder / "client.yml").write_text(SETTINGS, encoding="utf-8")
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return load_client(key, root)


ORDERS = """order_id,customer_id,ordered_at,amount
9001,ann@example.com,2025-01-05,10
7002,bob@example.com,2025-01-01,20
7002,bob@example.com,2025-01-09,-5
8003,,2025-02-01,30
8004,ann@example.com,2025-02-02,30
"""
MEMBERS = "customer_id,joined_at\nann@example.com,2025-01-06\ncid@example.com,2025-01-07\n"


@pytest.fixture
def shop(tmp_path, secret) -> settings.Client:
    return shop_with(tmp_path, orders=ORDERS, members=MEMBERS)


# ---------------------------------------------------------------- the key
class TestKey:
    def test_is_made_once_for_the_user_alone(self, home):
        first = privacy.key()
        assert len(first) == 32 and home.read_text().strip() == first.hex()
        assert privacy.key() == first
        assert [path.name for path in home.parent.iterdir()] == ["key"]
        if sys.platform != "win32":
            assert stat.S_IMODE(home.stat().st_mode) == 0o600

    def test_two_places_have_two_keys(self, home, tmp_path, monkeypatch):
        first = privacy.key()
        monkeypatch.setenv("APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME", str(tmp_path / "other"))
        assert privacy.key() != first

    def test_is_the_same_for_all_who_make_it_at_once(self, home):
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda _: privacy.key(), range(64)))
        assert len(set(found)) == 1 and found[0].hex() == home.read_text().strip()

    def test_that_another_run_has_made_meanwhile_stays(self, home):
        first = privacy.key()
        privacy._make_key(home)  # as of a run that saw no key a moment ago
        assert privacy.key() == first and [path.name for path in home.parent.iterdir()] == ["key"]

    def test_comes_from_the_environment_where_it_stands_there(self, home, monkeypatch):
        monkeypatch.setenv(privacy.VARIABLE, KEY.decode())
        assert privacy.key() == KEY
        assert not home.exists()

    def test_that_could_be_guessed_is_refused(self, home, monkeypatch):
        monkeypatch.setenv(privacy.VARIABLE, "secret")
        with pytest.raises(UserError, match="LOYALTY_KEY has 6 letters; a key needs 16"):
            privacy.key()

    @pytest.mark.parametrize("nonsense", ["", "my key", "a" * 63, "é" * 64])
    def test_file_of_nonsense_is_refused_and_left(self, home, nonsense):
        home.parent.mkdir(parents=True)
        home.write_text(nonsense, encoding="utf-8")
        with pytest.raises(UserError, match="is no key for pseudonyms"):
            privacy.key()
        assert home.read_text(encoding="utf-8") == nonsense

    def test_without_a_place_says_what_to_do(self, home):
        home.parent.parent.write_text("a file where the folder should be")
        with pytest.raises(UserError, match=r"cannot be kept in .* LOYALTY_KEY"):
            privacy.key()

    def test_is_never_kept_inside_the_clone(self, home, monkeypatch, tmp_path):
        monkeypatch.setattr(settings, "ROOT", tmp_path.resolve())
        with pytest.raises(UserError, match="inside this very folder"):
            privacy.key()
        assert not home.exists()


# ---------------------------------------------------------------- pseudonyms
texts = st.text(st.characters(codec="utf-8"), min_size=1)


class TestPseudonyms:
    @given(st.lists(st.one_of(st.none(), texts)), st.randoms())
    def test_tell_people_apart_as_their_ids_do(self, ids, luck):
        series = pd.Series(ids, dtype="str", index=range(5, 5 + len(ids)))
        found = privacy.pseudonyms(series, KEY)
        assert found.index.equals(series.index) and found.isna().equals(series.isna())
        pairs = {(one, other) for one, other in zip(series, found, strict=True) if isinstance(one, str)}
        assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
        assert all(re.fullmatch("[a-f][0-9a-f]{19}", other) for _, other in pairs)
        order = list(range(len(ids)))
        luck.shuffle(order)
        assert privacy.pseudonyms(series.iloc[order], KEY).equals(found.iloc[order])

    def test_are_hmac_sha256(self):
        # RFC 4231, test case 2: the published digest begins 5bdcc146bf60754e6a0
        found = privacy.pseudonyms(pd.Series(["what do ya want for nothing?"], dtype="str"), b"Jefe")
        assert found.tolist() == ["c5bdcc146bf60754e6a0"]

    def test_cannot_be_had_without_the_key(self):
        ids = pd.Series(["ann@example.com"], dtype="str")
        assert privacy.pseudonyms(ids, b"one key").tolist() != privacy.pseudonyms(ids, b"other key").tolist()


def test_order_numbers_become_running_numbers_in_time_order():
    orders = pd.Series(["B-7", "A-9", None, "B-7", "C-1"], dtype="str")
    lines = pd.Series(["A-9", "A-9", "X-0", "B-7"], dtype="str", index=[9, 8, 7, 6])
    ours, theirs = privacy.running_numbers(orders, lines)
    assert ours.tolist()[:2] + ours.tolist()[3:] == ["1", "2", "1", "3"] and pd.isna(ours[2])
    assert theirs.to_dict() == {9: "2", 8: "2", 7: "4", 6: "1"}


# ---------------------------------------------------------------- at the door
class TestGuarded:
    def test_keeps_who_is_who_in_all_tables(self, shop):
        prepared = ingest.prepare(shop)
        orders, members = prepared.tables["orders"], prepared.tables["members"]
        real = prepared.ids.set_index("customer_id")["id"]
        assert [*map(real.get, orders["customer_id"])] == [
            "bob@example.com", "ann@example.com", "bob@example.com", None, "ann@example.com"]
        assert members["customer_id"].map(real).tolist() == ["ann@example.com", "cid@example.com"]
        assert sorted(real) == ["ann@example.com", "bob@example.com", "cid@example.com"]
        assert orders["order_id"].tolist() == ["1", "2", "1", "3", "4"]
        assert {name: list(frame.dtypes.astype(str)) for name, frame in prepared.tables.items()} == {
            name: list(columns.SCHEMA[name].values()) for name in prepared.tables}

    def test_gives_the_same_person_another_name_at_another_client(self, shop, tmp_path):
        other = shop_with(tmp_path, "bcme", orders=ORDERS, members=MEMBERS)
        names = [set(ingest.prepare(one).ids["customer_id"]) for one in (shop, other)]
        assert not names[0] & names[1]

    def test_leaves_plain_ids_as_they_are(self, shop, home):
        prepared = ingest.prepare(replace(shop, ids="plain"))
        assert set(prepared.tables["members"]["customer_id"]) == {"ann@example.com", "cid@example.com"}
        assert prepared.tables["orders"]["order_id"].tolist() == ["7002", "9001", "7002", "8003", "8004"]
        assert prepared.ids.empty and not home.exists()

    def test_orders_rows_alike_under_every_key(self, shop, monkeypatch):
        columns = ["order_id", "ordered_at", "amount"]
        one = ingest.prepare(shop).tables["orders"][columns]
        monkeypatch.setenv(privacy.VARIABLE, "another key altogether")
        assert ingest.prepare(shop).tables["orders"][columns].equals(one)

    @pytest.mark.parametrize("ids", ["keyed", "plain"])
    def test_drops_what_has_no_purpose(self, shop, ids):
        survey = pd.DataFrame({"customer_id": ["a"], "nps": [9.0], "driver_price": [1.0], "comment_why": ["call me"],
                               "choice_where": ["Berlin"], "email": ["a@example.com"], "phone": ["1"], "name": ["A"]})
        found, _ = privacy.guarded({"survey": survey, "themes": pd.DataFrame({"theme": ["price"]})},
                                   replace(shop, ids=ids))
        assert list(found["survey"]) == ["customer_id", "nps", "driver_price"]
        assert list(found["themes"]) == ["theme"]

    def test_says_what_is_kept_of_an_id(self, shop):
        assert privacy.purpose("customer_id", shop).endswith("; kept as a keyed pseudonym")
        assert privacy.purpose("customer_id", replace(shop, ids="plain")) == "seeing who comes back"


class TestNamed:
    def test_puts_the_own_ids_back(self, shop):
        prepared = ingest.prepare(shop)
        back = privacy.named(prepared.tables["orders"], prepared.ids)["customer_id"]
        assert back.fillna("-").tolist() == [
            "bob@example.com", "ann@example.com", "bob@example.com", "-", "ann@example.com"]

    def test_leaves_plain_ones(self, shop):
        frame = ingest.prepare(replace(shop, ids="plain")).tables["orders"]
        assert privacy.named(frame, privacy.NO_IDS).equals(frame)

    def test_ids_are_kept_for_the_user_alone_and_read_again(self, shop):
        prepared = ingest.prepare(shop)
        tables.write(shop, prepared.tables, prepared.ids)
        assert tables.read_ids(shop).equals(prepared.ids)
        path = tables.save_private(shop, "list", prepared.ids)
        if sys.platform != "win32":
            modes = [stat.S_IMODE(one.stat().st_mode) for one in (shop.private / "ids.parquet", path, shop.private)]
            assert modes == [0o600, 0o600, 0o700]

    def test_without_ids_says_which_chapter_makes_them(self, shop):
        with pytest.raises(UserError, match=r"data/acme/private/ids.parquet is not there: run chapter 01"):
            tables.read_ids(shop)


def test_a_holdout_draws_the_same_people_by_their_own_ids_under_any_key(tmp_path, monkeypatch):
    rows = [f"{i},p{i % 400}@example.com,2025-0{1 + i % 9}-01,10" for i in range(900)]
    drawn = []
    for key in ("one key of the tests", "another of the tests"):
        monkeypatch.setenv(privacy.VARIABLE, key)
        shop = shop_with(tmp_path / key, orders="\n".join(["order_id,customer_id,ordered_at,amount", *rows]))
        shop = replace(shop, sources={"orders": shop.sources["orders"]})
        holdout.make(shop, share="0.5", seed="7")
        (path,) = shop.private.glob("holdout_*.csv")
        drawn.append(pd.read_csv(path))
    assert drawn[0].equals(drawn[1])
    assert set(drawn[0]["customer_id"]) == {f"p{i}@example.com" for i in range(400)}


# ---------------------------------------------------------------- what others may see
def table_of(*customers: float, **more) -> pd.DataFrame:
    return pd.DataFrame({"group": [*"abcdefgh"[:len(customers)]], "customers": customers} | more)


class TestSuppressed:
    @pytest.mark.parametrize(("cells", "shown"), [
        ([50, 7, 30], [50, 7, 30]),
        ([50, 3, 7, 30], [50, None, None, 30]),  # or 3 = total - 50 - 7 - 30
        ([50, 3, 2, 30], [50, None, None, 30]),
        ([50, 1, 2, 30], [50, None, None, None]),  # or 1 + 2 = 3 leaves two ways only
        ([1, 1, 1, 1, 1, 9, 30], [None] * 6 + [30]),  # or 5 of 5 hidden are one each
        ([50, 0, 3, 30, 60], [50, 0, None, None, 60]),  # 0 says that there is nobody
        ([3, 0], [None, 0]),  # the whole is as small
        ([4, float("nan"), 30], [None, None, None]),
        ([], []),
    ])
    def test_hides_small_cells_and_those_that_would_tell_them(self, cells, shown):
        found = privacy.suppressed(table_of(*cells), ["customers"], 5)["customers"]
        assert [None if pd.isna(one) else one for one in found] == shown

    def test_hides_what_rests_on_a_hidden_cell_and_nothing_else(self):
        table = table_of(3, 6, 90, spend=[1.0, 2.0, 3.0], score=[1, 2, 3], words=["x", "y", "z"])
        found = privacy.suppressed(table, ["customers"], 5, figures=["spend"])
        assert found["spend"].isna().tolist() == [True, True, False]
        assert found[["score", "words", "group"]].equals(table[["score", "words", "group"]])
        assert privacy.suppressed(table, ["customers"], 5)["score"].isna().tolist() == [True, True, False]
        assert table["customers"].tolist() == [3, 6, 90]

    def test_looks_for_the_other_cell_in_the_same_group(self):
        table = table_of(3, 90, 8, 50, scheme=["one", "one", "two", "two"])
        found = privacy.suppressed(table, ["customers"], 5, within=["scheme"])
        assert found["customers"].isna().tolist() == [True, True, False, False]

    @given(st.lists(st.integers(0, 9), max_size=4))
    def test_leaves_no_hidden_cell_to_be_worked_out(self, cells):
        table = table_of(*cells)
        found = privacy.suppressed(table, ["customers"], 5)
        hidden = found["customers"].isna().to_numpy()
        assert not found["customers"].between(1, 4).any()
        assert privacy.suppressed(found, ["customers"], 5).equals(found)
        if hidden.any() and (table["customers"].to_numpy()[~hidden] > 0).any():
            # whoever knows the total, and that one hidden cell is small and none 0, has several ways left for each
            total, n = int(sum(cells) - found["customers"].sum()), int(hidden.sum())
            ways = [way for way in product(range(1, total + 1), repeat=n) if sum(way) == total and min(way) < 5]
            assert all(len({way[i] for way in ways}) > 1 for i in range(n))

    def test_the_owner_sees_everything(self, shop):
        table = table_of(1, 2, 3, words=["1 member", "2 of 90 customers", "x"])
        assert privacy.published(table, shop).equals(table)
        found = privacy.published(table, replace(shop, audience="shared"))
        assert found["words"].tolist() == ["fewer than 5 member", "fewer than 5 of 90 customers", "x"]
        assert found["customers"].isna().all()
        more = privacy.published(table, replace(shop, audience="shared", smallest_cell=2))
        assert more["customers"].isna().tolist() == [True, True, False]

    @pytest.mark.parametrize("text", ["5 members", "14 members", "2 weeks", "it takes 2 or more customers",
                                      "1,003 members", "1.4 customers", "0 members"])
    def test_leaves_other_numbers_in_texts(self, shop, text):
        assert privacy.worded([text], replace(shop, audience="shared")) == [text]


def finding(estimate: float, n: int, **more) -> Finding:
    return Finding(label="repeat rate", unit="share", estimate=estimate, low=0.0, high=1.0, n=n, **more)


class TestTold:
    @pytest.mark.parametrize(("one", "seen"), [
        (finding(0.5, 100, method="Wilson"), True),
        (finding(0.5, 4), False),
        (finding(0.03, 100, method="Wilson"), False),  # three of a hundred
        (finding(0.97, 100, method="Wilson"), False),  # all but three
        (finding(0.0, 100, method="Wilson"), True),
        (finding(0.03, 100, method="bootstrap"), True),  # a share of money counts nobody
        (finding(0.03, 100, method="Wilson", n_noun="order"), True),
    ])
    def test_says_nothing_of_a_few(self, shop, one, seen):
        (said,) = privacy.told([one], replace(shop, audience="shared"))
        assert said.measurable == seen and (seen or (said.n == 0 and said.note == privacy.NOT_SHOWN))
        assert privacy.told([one], shop) == [one]

    def test_a_change_goes_with_either_level(self, shop):
        change = Change(kpi="retention", label="retention", unit="share", estimate=0.1, low=0.0, high=0.2, n=200,
                        p_value=0.04, p_adjusted=0.04, before=finding(0.5, 100, method="Wilson"),
                        after=finding(0.02, 100, method="Wilson"))
        (said,) = privacy.told([change], replace(shop, audience="shared"))
        assert said.verdict == "not measurable" and said.before == change.before and not said.after.measurable

    def test_an_effect_names_no_small_number_of_members_set_aside(self, shop):
        note = "90 joiners used, others set aside (3 left early; 20 joined before). More."
        effect = Effect(label="members", unit="lift", estimate=0.1, outcome="orders", rung=3, grade="B", n=90,
                        n_noun="joiner", note=note, n_treated=90, n_comparison=500,
                        diagnostics={"set_aside": {"left early": 3, "joined before": 20}})
        (said,) = privacy.told([effect], replace(shop, audience="shared"))
        assert said.note == "90 joiners used, others set aside. More." and said.estimate == 0.1
        assert all(pd.isna(n) for n in said.diagnostics["set_aside"].values())
        (few,) = privacy.told([replace(effect, n_comparison=4)], replace(shop, audience="shared"))
        assert not few.measurable and (few.n_treated, few.n_comparison) == (0, 0)

    def test_levels_of_a_channel_go_one_by_one(self, shop):
        table = pd.DataFrame({"unit": ["share", "orders", "share"], "before": [0.5, 2.0, 0.5], "n_before": [90, 90, 90],
                              "after": [0.02, 2.0, 0.5], "n_after": [100, 4, 100], "change": [0.1, 0.1, 0.1]})
        found = privacy.compared(table, replace(shop, audience="shared"))
        assert found["before"].notna().all() and found["after"].isna().tolist() == [True, True, False]
        assert found["change"].isna().tolist() == [True, True, False]
        assert found["n_after"].fillna(0).tolist() == [100, 0, 100]
        assert privacy.compared(table, shop).equals(table)


# ---------------------------------------------------------------- make purge
def purge(root: Path, key: str = "acme") -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "loyalty_helpers", "purge", "--", key], capture_output=True, text=True,
                          env=small_clone.environment(root), timeout=60)


@pytest.fixture
def used(tmp_path) -> Path:
    """A clone with all that the verbs leave of one client, and what belongs to others."""
    small_clone.make(tmp_path)
    for name in ("data/acme/prepared/results/kpis.csv", "data/acme/prepared/.run.json", "reports/acme/index.html",
                 "data/acme/private/action_list.csv", "data/acme/private/ids.parquet", "reports/acme.failed/error.txt",
                 "data/acme/private/action_list.xlsx", "data/acme/private/call_sheet.html",
                 "data/acme/private/scores/2025-01-01.parquet", "data/acme/private/repurchase.model",
                 "reports/validation_acme/validation.html", "reports/bcme/index.html", "data/bcme/prepared/x.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")
            if path.is_file() and "notebooks" not in path.parts}


RAW = {"data/acme/client.yml", "data/acme/orders.csv", "reports/bcme/index.html", "data/bcme/prepared/x.parquet"}


class TestPurge:
    def test_removes_what_was_made_and_says_what_stays(self, used):
        done = purge(used)
        assert done.returncode == 0 and files(used) == RAW
        assert not (used / "data/acme/prepared").exists() and not (used / "data/acme/private").exists()
        for name in ("data/acme/prepared", "reports/acme", "reports/acme.failed", "reports/validation_acme",
                     "data/acme/private/action_list.csv", "data/acme/private/action_list.xlsx",
                     "data/acme/private/call_sheet.html", "data/acme/private/scores", "data/acme/private/ids.parquet"):
            assert name in done.stdout.splitlines()[0]
        assert "Still there: data/acme/client.yml, data/acme/orders.csv." in done.stdout
        assert "The exports themselves hold personal data" in done.stdout
        assert purge(used).stdout.startswith("There was nothing to remove.")

    def test_leaves_a_draw_and_what_the_user_put_into_the_private_folder(self, used):
        for name in ("holdout_2025-01-01_0.1.csv", "notes.txt"):
            (used / "data/acme/private" / name).write_text("x")
        assert "data/acme/private" in purge(used).stdout.splitlines()[1]
        assert files(used) == RAW | {"data/acme/private/holdout_2025-01-01_0.1.csv", "data/acme/private/notes.txt"}

    @pytest.mark.parametrize("key", ["bcme", "..", "../acme", "", "acme/prepared", "*", "-rf"])
    def test_refuses_whatever_is_no_client(self, used, key):
        before = files(used)
        done = purge(used, key)
        assert done.returncode == 1 and "Traceback" not in done.stderr and done.stderr
        assert files(used) == before

    def test_removes_what_a_killed_run_has_left(self, used):
        (used / "reports/acme").rename(used / "reports/.acme.old")
        (used / "reports/.acme.123.new").mkdir()
        assert purge(used).returncode == 0 and files(used) == RAW
        assert sorted(path.name for path in (used / "reports").iterdir()) == ["bcme"]

    def test_needs_no_settings_that_can_be_read(self, used):
        (used / "data/acme/client.yml").write_text("name: [")
        assert purge(used).returncode == 0 and files(used) == RAW

    @pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
    def test_removes_a_link_and_not_what_it_leads_to(self, used, tmp_path_factory):
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        (used / "reports/acme").rename(elsewhere / "acme")
        (used / "reports/acme").symlink_to(elsewhere / "acme")
        assert "reports/acme (a link: what it leads to stays)" in purge(used).stdout
        assert not (used / "reports/acme").is_symlink() and (elsewhere / "acme/index.html").exists()

    @pytest.mark.skipif(sys.platform == "win32", reason="fcntl")
    def test_waits_for_no_run_and_stops_none(self, used):
        import fcntl
        with (used / "data/acme/prepared/.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = files(used)
            done = purge(used)
        assert done.returncode == 1 and "under way" in done.stderr and files(used) == before


# ---------------------------------------------------------------- a whole report of a client with much to hide
CLIENT = """
name: Acme
currency: EUR
time_zone: Europe/Berlin
audience: shared
program: {name: Club, launched_on: 2025-01-06, gross_margin: 0.4, reward_rate: 0.05}
sources:
  orders:
    files: orders.csv
    columns: {order_id: Order, email: E-mail, phone: Phone, ordered_at: Paid at, amount: Total, category: Category,
              channel: Channel, rating: Stars}
    set_aside: {tests: {column: Name, starts_with: TEST}}
  members: {files: members.csv, columns: {email: E-mail, phone: Phone, joined_at: Joined, tier: Tier}}
  survey:
    files: survey.csv
    columns: {answered_at: Date, email: E-mail, nps: NPS, csat: CSAT, comment_why: Why, choice_where: Where}
    scale: {csat: [1, 5]}
  points: {files: points.csv, columns: {email: E-mail, at: At, kind: Kind, points: Points}}
"""
MENACES = ["=1+1", "<script>alert(1)</script>", "@SUM(A1)", "Tea & <b>Cake</b>", "-2+3"]
E_MAIL = re.compile(rb"[\w.+-]+@[\w-]+\.[a-z]{2,}", re.I)
TELEPHONE = re.compile(rb"(?<![\w.])(?:\+49[ \d-]{6,}\d|0?1[3-9]\d{9}|\+86[ \d-]{6,}\d)(?!\w)")
SMALL = re.compile(r"(?<![\w.,+−-])[1-4] (?:[\w-]+ ){0,1}(?:customer|member|joiner|buyer|regular|answer)s?\b(?! or)")


def people() -> list[dict[str, str]]:
    """160 invented customers: some known by an address, some by a number, some by both."""
    found = []
    for i in range(160):
        e_mail, chinese, german = f"person{i:03d}@example.com", f"1390000{i:04d}", f"+49 151 0000{i:04d}"
        found.append([{"E-mail": e_mail, "Phone": ""}, {"E-mail": "", "Phone": chinese},
                      {"E-mail": e_mail, "Phone": german}, {"E-mail": e_mail.upper(), "Phone": chinese}][i % 4])
    return found


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    """A clone with the real chapters, in which the report of such a client is built."""
    root = tmp_path_factory.mktemp("hostile")
    folder = root / "data" / "acme"
    folder.mkdir(parents=True)
    shutil.copytree(settings.CLONE / "notebooks", root / "notebooks")
    shutil.copy(settings.CLONE / "data" / "case_studies.csv", root / "data")
    (folder / "client.yml").write_text(CLIENT, encoding="utf-8")
    luck, everybody, day = np.random.default_rng(5), people(), pd.Timestamp("2023-01-02")
    orders, answers = [], []
    for i, person in enumerate(everybody):
        for n, wait in enumerate(luck.exponential(40 + i % 60, 25).cumsum()):
            if wait < 1000:
                moment = day + pd.Timedelta(days=float(wait), hours=9)
                orders.append(person | {
                    "Order": f"SO-{i:03d}-{n:02d}-9001", "Paid at": f"{moment:%Y-%m-%d %H:%M}",
                    "Total": f"{luck.integers(5, 90)}.50", "Category": MENACES[n % 5], "Channel": MENACES[(i + n) % 5],
                    "Stars": int(luck.integers(3, 6)), "Name": f"Ms <i>{person['E-mail'] or person['Phone']}</i>",
                    "Address": f"{i} Invented Street"})
        answers.append(person | {"Date": f"202{4 + i % 2}-06-03 10:00", "NPS": i % 11, "CSAT": 1 + i % 5,
                                 "Why": f"Slow delivery, call me: {person['E-mail']} {person['Phone']}",
                                 "Where": f"Berlin;{person['E-mail']}"})
    joined = [person | {"Joined": f"2025-0{1 + i % 9}-15 12:00", "Tier": MENACES[i % 5]}
              for i, person in enumerate(everybody) if i % 3 == 0]
    moved = [person | {"At": "2025-09-20 12:00", "Kind": "earn", "Points": 10} for person in everybody[:90:3]]
    for name, rows in {"orders": orders, "members": joined, "survey": answers, "points": moved}.items():
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    done = small_clone.report(root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def contents(folder: Path) -> dict[str, bytes]:
    """All files by name; what is packed in Parquet, unpacked, its metadata too."""
    found = {}
    for path in folder.rglob("*"):
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            metadata = repr(table.schema.metadata).encode()
            found[path.name] = table.to_pandas().to_csv().encode() + metadata
        elif path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


@pytest.mark.parametrize("place", ["reports/acme", "data/acme/prepared"])
class TestNothingPersonal:
    def test_leaves_the_private_folder(self, hostile, place):
        found = contents(hostile / place)
        assert len(found) > 10
        ids = {one.lower().encode() for person in people() for one in person.values() if one}
        ids |= {one.replace(b" ", b"") for one in ids} | {one.replace(b" ", b"")[-8:] for one in ids if b"@" not in one}
        for name, content in found.items():
            texts = content.lower()
            assert not E_MAIL.findall(texts), name
            assert not TELEPHONE.findall(texts), name
            assert not [one for one in ids if re.search(rb"(?<!\w)" + re.escape(one) + rb"(?!\w)", texts)], name
            assert b"so-0" not in texts and b"invented street" not in texts and b"call me" not in texts, name

    def test_bears_a_pseudonym_outside_the_prepared_tables(self, hostile, place):
        ids = pd.read_parquet(hostile / "data/acme/private/ids.parquet")
        assert len(ids) == 160 and not set(ids["id"]) & set(ids["customer_id"])
        published = [name for name, content in contents(hostile / place).items() if not name.endswith(".parquet")
                     and any(one.encode() in content for one in ids["customer_id"])]
        assert not published

    def test_runs_in_a_browser_or_a_spreadsheet(self, hostile, place):
        for name, content in contents(hostile / place).items():
            if name.endswith(".html"):
                assert b"<script>alert(1)" not in content, name
            if name.endswith(".csv"):
                assert not re.search(rb'(?m)(?:^|,)"?[=@]', content), name


def test_the_action_list_names_customers_as_the_exports_do(hostile):
    listed = pd.read_csv(hostile / "data/acme/private/action_list.csv", dtype=str)
    own = {one.casefold().strip() for person in people() for one in person.values()}
    assert len(listed) > 100 and set(listed["customer_id"].str.removeprefix("'").str.replace(" ", "")) <= {
        one.replace(" ", "") for one in own}


class TestOthersSeeNoSmallNumbers:
    def test_in_tables(self, hostile):
        seen = 0
        for path in sorted((hostile / "reports/acme/tables").glob("*.csv")):
            table = pd.read_csv(path)
            for column in {*columns.COUNT_PERSONS} & {*table}:
                assert not table[column].between(1, 4).any(), (path.name, column)
                seen += 1
        assert seen >= 3
        segments = pd.read_csv(hostile / "reports/acme/tables/segments.csv")
        assert segments["customers"].isna().any()  # there was something to hide
        assert (segments["customers"].isna() == segments["spend"].isna()).all()

    def test_in_words_and_cells(self, hostile):
        for path in sorted((hostile / "reports/acme/notebooks").glob("*.ipynb")):
            outputs = [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", ())]
            for output in outputs:
                text = output.get("data", {}).get("text/plain", "")
                text = re.sub("3 members against|4 customers drawn", "", text)  # names of rungs
                assert not SMALL.findall(text), (path.name, SMALL.findall(text), text[:300])


@pytest.mark.parametrize(("text", "seen"), [
    ("77 of 80 members have orders", "nearly all of 80 members have orders"),
    ("3 of 80 members have orders", "fewer than 5 of 80 members have orders"),
    ("70 of 80 members have orders", "70 of 80 members have orders"),
])
def test_neither_a_few_nor_all_but_a_few_are_counted_in_words(shop, text, seen):
    table = pd.DataFrame({"why": [text]})
    assert privacy.published(table, replace(shop, audience="shared"))["why"].tolist() == [seen]
    assert privacy.published(table, shop)["why"].tolist() == [text]
