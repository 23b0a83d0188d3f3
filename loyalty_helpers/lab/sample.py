"""The sample client's files: those of the simulated shop, and what only people write and tick in a survey.

The words are invented. They follow the satisfaction of whoever answered, and are drawn from a stream of their own, so
that all numbers of the simulated shop stay what they are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from loyalty_helpers.lab import simulate

COMMENT, OCCASIONS = "Comment", "What do you buy for?"
WRITES = 0.45  # share of the answers with a comment
PRAISE = (
    "Lovely staff, and they remember me", "The quality of the fabric is wonderful", "Great choice of dresses",
    "The points add up nicely", "Beautiful shop, nice music", "My parcel arrived in two days",
    "Fair prices for what you get", "店员很热情", "质量很好,会再来", "积分换了一条围巾,开心",
    "Just what I was looking for",
)
COMPLAINTS = (
    "Delivery took far too long", "A bit expensive", "My size is always sold out", "Nobody answered my message",
    "A seam came apart, the quality used to be better", "The queue at the cash desk was long", "Shipping is not cheap",
    "快递太慢了", "价格有点贵", "尺码不全", "I had hoped for more",
)
NEUTRAL = ("no", "Nothing to add", "Keep going", "无", "See you next season")
OCCASION_RATES = {"Work": 0.5, "Every day": 0.6, "Celebrations": 0.3, "Gifts": 0.25}
# Two order exports: the first ends where the year does, the second was begun a month early.
OVERLAP = (pd.Timestamp("2024-12-02"), pd.Timestamp("2025-01-01"))
HEADERS = {
    "orders": {"order_id": "Order No", "customer_id": "Customer", "ordered_at": "Paid at", "amount": "Amount (CNY)",
               "status": "Status", "channel": "Channel", "category": "Category", "rating": "Stars"},
    "members": {"customer_id": "Customer", "joined_at": "Joined at", "tier": "Level"},
    "survey": {"answered_at": "Answered at", "wave": "Wave", "customer_id": "Customer", "nps": "Recommend (0-10)",
               "csat": "Satisfaction (1-5)", "ces": "Ease (1-7)",
               **{name: f"{name.removeprefix('driver_').capitalize()} (1-5)" for name in simulate.DRIVERS}},
    "points": {"customer_id": "Customer", "at": "Time", "kind": "Type", "points": "Points"},
    "referrals": {"referrer_id": "Referred by", "referee_id": "Friend", "at": "Time"},
    "costs": {"date": "Date", "kind": "Item", "amount": "Amount (CNY)"},
}


def write(folder: Path | str) -> None:
    """Write the exports of the sample client, and truth.yml, into `folder`: always the same bytes.

    The warts of real exports are built in, and counted in truth.yml. The hand-written client.yml and README.md of
    data/sample are left alone.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sample = simulate.shop(**simulate.SAMPLE)
    orders = _with_warts(sample.orders)
    early, late = orders["ordered_at"] < OVERLAP[1], orders["ordered_at"] >= OVERLAP[0]
    for name, frame in {**sample.frames, "orders_2023-2024": orders[early], "orders_2024-2025": orders[late]}.items():
        if name != "orders":
            exported = _export(frame, HEADERS[name.partition("_")[0]])
            written = _with_words(exported) if name == "survey" else exported
            written.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8")
    kept, ids = sample.orders, orders["customer_id"].dropna()
    truth = {
        "exports": {  # rows, in both files together unless said otherwise
            "read": int(early.sum() + late.sum()),
            "read_by_file": {"orders_2023-2024.csv": int(early.sum()), "orders_2024-2025.csv": int(late.sum())},
            "in_both_files": int((early & late).sum()),
            "duplicates_within_a_file": int(orders.duplicated().sum()),
            "cancelled": int((orders["status"] == "Cancelled").sum()),
            "test_orders": int(orders["order_id"].str.startswith("TEST").sum()),
            "ids_with_stray_blanks": int((ids != ids.str.strip()).sum()),
            "kept": len(kept),
            "kept_refunds": int(kept["is_refund"].sum()),
            "kept_without_customer": int(kept["customer_id"].isna().sum()),
            "kept_orders_without_rating": int(kept.loc[~kept["is_refund"], "rating"].isna().sum()),
            "kept_amount": round(float(kept["amount"].sum()), 2),
        },
        "shop": {name: round(value, 4) if isinstance(value, float) else value for name, value in sample.truth.items()},
    }
    (folder / "truth.yml").write_text(
        "# What is true of the sample client: rows and warts of its exports, then the shop behind them (simulate.py).\n"
        + yaml.safe_dump(truth, sort_keys=False), encoding="utf-8", newline="\n")


def _with_warts(orders: pd.DataFrame) -> pd.DataFrame:
    """Orders as an export has them, by time: with cancelled and test orders, duplicates, stray blanks in ids.

    No wart lies in the time that both files cover, so that each row has one reason only to be set aside.
    """
    rng = np.random.Generator(np.random.PCG64([simulate.SAMPLE["seed"], *b"warts"]))
    paid = orders.assign(status=np.where(orders["is_refund"], "Refunded", "Paid"))
    usable = paid[~paid["ordered_at"].between(*OVERLAP) & ~paid["is_refund"] & paid["customer_id"].notna()]
    cancelled, tests, twice, front, back = (
        usable.loc[rows] for rows in np.split(rng.permutation(usable.index)[:770], [350, 390, 550, 660]))
    paid.loc[front.index, "customer_id"] = " " + front["customer_id"]
    paid.loc[back.index, "customer_id"] = back["customer_id"] + " "
    cancelled = cancelled.assign(status="Cancelled", rating=np.nan,
                                 order_id=simulate.ids("S", len(orders) + 1 + np.arange(len(cancelled)), 6).array)
    tests = tests.assign(customer_id="C99999", amount=0.01, rating=np.nan,
                         order_id=simulate.ids("TEST", 1 + np.arange(len(tests)), 3).array)
    return pd.concat([paid, cancelled, tests, twice]).sort_values(["ordered_at", "order_id"], ignore_index=True)


def _export(frame: pd.DataFrame, headers: dict[str, str]) -> pd.DataFrame:
    """Columns and cells as an export prints them: times to the minute, money to the cent, answers as whole numbers."""
    text = frame[list(headers)].copy()
    for name in text:
        if name == "amount":
            text[name] = text[name].map("{:.2f}".format)
        elif pd.api.types.is_float_dtype(text[name]):
            text[name] = text[name].astype("Int64")
        elif pd.api.types.is_datetime64_dtype(text[name]):
            text[name] = text[name].dt.strftime("%Y-%m-%d" if name == "date" else "%Y-%m-%d %H:%M")
    return text.rename(columns=headers)


def _with_words(answers: pd.DataFrame) -> pd.DataFrame:
    """`answers` with a comment and ticked boxes; nobody's other answers change."""
    rng = np.random.Generator(np.random.PCG64([simulate.SAMPLE["seed"], *b"words"]))
    happy = (answers[HEADERS["survey"]["csat"]].astype(float).to_numpy() - 1) / 4
    kind = rng.random(len(answers))
    written = [str(rng.choice(NEUTRAL if one > 0.9 else PRAISE if rng.random() < joy else COMPLAINTS))
               for one, joy in zip(kind, happy, strict=True)]
    comments = np.where(rng.random(len(answers)) < WRITES, written, "")
    ticks = rng.random((len(answers), len(OCCASION_RATES))) < list(OCCASION_RATES.values())
    occasions = [";".join(np.array(list(OCCASION_RATES))[row]) for row in ticks]
    return answers.assign(**{OCCASIONS: occasions, COMMENT: comments})
