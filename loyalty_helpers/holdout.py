"""A random holdout for the next campaign: who is left out is drawn by lot, so that later only the campaign differs.

`make holdout CLIENT=acme SHARE=0.1` draws it, keeps it in the client's private folder, and says what to do with it.
"""

from __future__ import annotations

import math
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from loyalty_helpers import ingest, privacy, tables
from loyalty_helpers.client import Client
from loyalty_helpers.core.errors import UserError
from loyalty_helpers.evaluation.experiment import MIN_CUSTOMERS
from loyalty_helpers.evaluation.power import HOLDOUT_WEEKS, power_holdout
from loyalty_helpers.evaluation.rungs import campaign_since, too_small
from loyalty_helpers.evaluation.weeks import DAY, data_end
from loyalty_helpers.findings import count, difference, number

STRATA = 5
LEAST, MOST = 0.01, 0.9  # shares that can be drawn


def draw(orders: pd.DataFrame, *, share: float, seed: int, drawn_on: date,
         members: pd.DataFrame | None = None) -> pd.DataFrame:
    """Draw `share` of all known customers to be held out: customer_id, arm ("holdout" or "program"), assigned_at.

    Known are those of the canonical `orders`, and of `members` where given, anonymous orders aside. They are drawn
    within strata of equal value (`strata`): in each, and in all, the number held out is the share of it, rounded up
    or down by lot, so that everybody has exactly the same chance. Sorted by customer_id; the same arguments give the
    same draw, whatever the order of the rows.
    """
    by_value = strata(orders, members=members).sort_index()
    luck = np.random.default_rng(seed)
    shuffled = by_value.iloc[luck.permutation(len(by_value))].sort_values(kind="stable")
    # the k-th of the shuffled rows is held out where the running sum of shares passes a whole number plus u: its
    # differences over any stratum are the share, rounded (systematic sampling; Madow & Madow 1944)
    passed = np.floor(share * np.arange(len(shuffled) + 1) + luck.random())
    quota = pd.Series(np.diff(passed), index=shuffled.index).groupby(shuffled).transform("sum")
    held = shuffled.groupby(shuffled).cumcount() < quota
    arm = pd.Series(np.where(held, "holdout", "program"), index=shuffled.index).sort_index()
    return pd.DataFrame({"customer_id": pd.Series(arm.index, dtype="str"), "arm": arm.to_numpy(),
                         "assigned_at": pd.Timestamp(drawn_on).as_unit("us")}).astype({"arm": "str"})


def strata(orders: pd.DataFrame, *, members: pd.DataFrame | None = None) -> pd.Series:
    """Each known customer's stratum by net spend in the last 365 days of the orders: 0 for none, then 1 to 5, rising.

    Strata 1 to 5 are of equal size (fewer where fewer than five customers spent anything); ties go by customer_id.
    """
    known = orders.dropna(subset="customer_id")
    ids = [known["customer_id"]] if members is None else [known["customer_id"], members["customer_id"].dropna()]
    everybody = pd.Index(np.unique(pd.concat(ids).astype("str").to_numpy(dtype=object)), name="customer_id")
    last_year = known[known["ordered_at"] >= known["ordered_at"].max().normalize() + DAY - 365 * DAY]
    spend = last_year.groupby("customer_id")["amount"].sum().reindex(everybody, fill_value=0.0).round(6)
    rank = spend[spend > 0].rank(method="first")
    return np.ceil(rank * STRATA / max(len(rank), 1)).reindex(everybody, fill_value=0).astype(int)


# ---------------------------------------------------------------- the verb
def make(client: Client, *, share: str, seed: str = "") -> str:
    """Draw a holdout from the client's exports, keep it as private/holdout_<date>_<share>.csv, and say what to do.

    `share` and `seed` as typed; without a seed it is the day's date, and with one it stands in the file's name. An
    earlier draw is never overwritten: UserError, as for a share that cannot be, or leaves too few in an arm.
    """
    part, today = _share(share), datetime.now(ZoneInfo(client.time_zone)).date()
    chosen = _seed(seed)
    name = f"holdout_{today}_{part:g}" + ("" if chosen is None else f"_seed{chosen}")
    path = client.private / f"{name}.csv"
    earlier = sorted(old.name for old in client.private.glob("holdout_*.csv"))
    if path.exists():
        raise UserError(f"data/{client.key}/private/{path.name} exists already and was left as it is: customers have "
                        "been drawn, and to draw again is another experiment. Use that file; if it was never used and "
                        "another draw is wanted, delete it, or give another seed: SEED=7, say.")
    prepared = ingest.prepare(client)
    # customers by their own ids: the list is for use, and the same seed shall draw the same people under any key
    found = {source: privacy.named(prepared.tables[source], prepared.ids) for source in ("orders", "members")
             if source in prepared.tables}
    chosen = int(f"{today:%Y%m%d}") if chosen is None else chosen
    drawn = draw(found["orders"], share=part, seed=chosen, drawn_on=today, members=found.get("members"))
    held = int((drawn["arm"] == "holdout").sum())
    if min(held, len(drawn) - held) < MIN_CUSTOMERS:
        raise UserError(f"SHARE={share} of {count(len(drawn), 'known customer')} leaves {held} held out and "
                        f"{len(drawn) - held} not; with fewer than {MIN_CUSTOMERS} on a side nothing can be learned. "
                        + (f"Give a share from {math.ceil(100 * MIN_CUSTOMERS / len(drawn)) / 100:g} to 0.5."
                           if len(drawn) >= 2 * MIN_CUSTOMERS else "This shop is too small for a holdout."))
    tables.save_private(client, name, drawn)
    return _words(client, drawn, orders=found["orders"], share=part, seed=chosen, path=f"private/{path.name}",
                  earlier=earlier)


def _share(text: str) -> float:
    if not text.strip():
        raise UserError("SHARE= is empty: give the share of the customers to hold out, such as SHARE=0.1 for a tenth.")
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not LEAST <= share <= MOST:
        hint = f" For {share:g} % write SHARE={share / 100:g}." if 1 <= share <= 100 * MOST else ""
        raise UserError(f"SHARE={text} is not a share of the customers to hold out; give a number from {LEAST:g} to "
                        f"{MOST:g}, such as SHARE=0.1 for a tenth.{hint}")
    return share


def _seed(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise UserError(f"SEED={text} is not a seed: give a whole number of at most 12 digits, or none (then it is "
                        "the date).")
    return int(text)


def _words(client: Client, drawn: pd.DataFrame, *, orders: pd.DataFrame, share: float, seed: int, path: str,
           earlier: list[str]) -> str:
    held = int((drawn["arm"] == "holdout").sum())
    remarks = []
    if too_small(orders):
        remarks.append("This shop is too small to measure a program by its own customers, even with half of them held "
                       "out. Decide by what the program costs, and keep it cheap.")
    if campaign_since(drawn, client.program) is not None:
        remarks.append("The program has begun: the draw will answer for what is offered from now on, not for the "
                       "program as a whole.")
    if earlier:
        remarks.append(f"Earlier draws are there too: {', '.join(earlier)}. Each is an experiment of its own: use one "
                       "at a time.")
    if "assignment" in client.sources:
        remarks.append("client.yml names an assignment already. Let that experiment end, and build its report, before "
                       "this one takes its place.")
    if abs((pd.Timestamp(drawn["assigned_at"].iloc[0]) - data_end(orders)) / DAY) > 31:
        remarks.append(f"The orders end on {orders['ordered_at'].max():%Y-%m-%d}: customers who came later are not in "
                       "the draw. Export the orders again for a draw of everybody.")
    return "\n".join([
        f"Drawn: of {count(len(drawn), 'known customer')} {number(held)} are held out "
        f"({held / len(drawn) * 100:.3g} %), by lot, in equal parts of those who spend much and little (seed {seed}).",
        _can_find(orders, share),
        *remarks,
        "",
        f"The list: data/{client.key}/{path} (personal data: git ignores it; keep it off shared drives)",
        *_use(client, path, share),
    ])


def _use(client: Client, path: str, share: float) -> list[str]:
    """What to do with the list. Who is drawn is followed from the launch, or from the draw where that is later."""
    launched = client.has_program
    begin = ("Begin on the day of the draw, or put the day on which you begin into the column assigned_at."
             if launched else "launched_on is the day on which you begin.")
    program = [] if launched else ["  launched_on:              # the first day of the program",
                                   "  joining: randomised"]
    return [
        "How to use it:",
        "  1. Run the program or the campaign for customers with the arm 'program', and keep it from those with",
        "     'holdout'. Nothing else may differ between them, and nobody changes sides. Members who are held out",
        "     stay members: what they do not get is the next offers.",
        f"  2. {begin}",
        f"  3. Keep to it for {HOLDOUT_WEEKS} weeks; everybody stays in the file, buying or not.",
        f"  4. Export the orders again, and put this into data/{client.key}/client.yml, in its sections:",
        "",
        "program:",
        *program,
        f"  holdout_share: {share:g}",
        "sources:",
        f"  assignment: {path}",
        "",
        f"  5. make report CLIENT={client.key}",
    ]


def _can_find(orders: pd.DataFrame, share: float) -> str:
    """The smallest lift that a holdout of this size finds, from that of one half: its square grows as 1/p + 1/(1-p)."""
    power = power_holdout(orders)
    if power.empty:
        return "How small a lift this could find cannot be said yet: too few customers have come back so far."
    half = power[power["holdout"] == 0.5].iloc[0]
    smallest = half["smallest_lift"] * math.sqrt((1 / share + 1 / (1 - share)) / 4)
    better = (f" Half of them held out (SHARE=0.5) would find {difference(half['smallest_lift'], 'lift')}."
              if smallest > 1.1 * half["smallest_lift"] else "")
    return (f"What it can find: over {HOLDOUT_WEEKS} weeks, a lift of {difference(smallest, 'lift')} or more, in four "
            f"cases out of five.{better}")
