"""What the page of the validation study says: sentences and tables, all computed from its one table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from loyalty_helpers.core import settings
from loyalty_helpers.core.findings import amount, count, difference, number
from loyalty_helpers.evaluation.till import MIN_JOINERS
from loyalty_helpers.lab import study, tally
from loyalty_helpers.lab.life import Plan

SMALL_CELL = 100  # draws from which on a cell is spoken of by itself
NOUNS = {"simulated": "simulated shop", "real history": "planted program"}


def read(folder: str) -> pd.DataFrame:
    """The table of a study, in a folder of the clone."""
    return pd.read_csv(settings.ROOT / folder / "results.csv")


def _counting(results: pd.DataFrame, estimator: str = study.CALIBRATED, **where) -> pd.DataFrame:
    """The rows of an estimator in the scenarios that count, of lifts that are not harm."""
    rows = tally.simulated(results, estimator=estimator, **where)
    return rows[rows["scenario"].isin(study.COUNTING) & (rows["lift"] >= 0)]


# ---------------------------------------------------------------- sentences
def made(results: pd.DataFrame) -> list[str]:
    """When, with which seeds and which code, and how much was drawn: of simulated shops, and of real histories."""
    said = []
    for kind, noun in NOUNS.items():
        rows = results[(results["kind"] == kind) & (results["repetitions"] > 0)]
        cells = rows.drop_duplicates(["scenario", "customers", "lift", "seed_first"])
        said += [f"{count(int(cells['repetitions'].sum()), noun)} of {count(len(cells), 'kind')}, drawn on "
                 f"{first.made_on} with seeds {number(rows['seed_first'].min())} to {number(rows['seed_last'].max())} "
                 f"(code of the estimators: {first.code})." for first in rows[:1].itertuples()]
    return [*said, "While the estimators were designed, only seeds below "
                   f"{number(study.DESIGN_SEEDS_BELOW)} were used."]


def answer(results: pd.DataFrame) -> list[str]:
    """One sentence on simulated shops and one on real histories; what stands first in the table leads."""
    found = {"simulated": _answer_of_shops(results), "real history": _answer_of_histories(results)}
    return [found[kind] for kind in dict.fromkeys(results["kind"]) if found[kind]]


def _answer_of_shops(results: pd.DataFrame) -> str:
    rows = _counting(results)
    if rows.empty:
        return ""
    # small shops are mostly refused a verdict, which would make the verdicts look better than they are
    judged = rows[(rows["lift"] == 0) & (rows["customers"] >= 1000)]
    whole = tally.pooled(rows, ["estimator"]).iloc[0]
    false = [f"; of programs that do nothing in shops of 1,000 customers or more, {amount(share, 'share')} were told "
             "to work or probably work" for share in tally.pooled(judged, ["estimator"])["says_works"]]
    return (f"In {count(int(whole['answers']), 'simulated shop')} whose truth is known, of the eight kinds that an "
            f"estimator must survive, the 95 % interval of the estimate at the till held the truth "
            f"{amount(whole['coverage'], 'share')} of the time{''.join(false)}.")


def _answer_of_histories(results: pd.DataFrame) -> str:
    """Of the headline estimator where it could answer, else of the cross-check."""
    rows = _histories(results)
    rows = rows[rows["answers"] > 0]
    shown = next((one for one in (study.CALIBRATED, study.DOUBLY_ROBUST) if (rows["estimator"] == one).any()), None)
    if shown is None:
        return " ".join(unable(results))
    rows = rows[rows["estimator"] == shown]
    names, rules = rows["scenario"].str.partition(": ")[0], rows["scenario"].str.partition(": ")[2]
    alone = "" if shown == study.CALIBRATED else (
        " (the cross-check alone could answer: too short for the headline method)")
    by_rule = "; ".join(f"{rule} {amount(share, 'share')}" for rule, share in zip(rules, rows["coverage"], strict=True))
    whole = tally.pooled(rows, ["estimator"]).iloc[0]
    return (f"In the order history of {' and '.join(sorted(set(names)))}{alone}, with a program that does nothing "
            f"planted {count(int(whole['answers']), 'time')}, the 95 % interval held the truth, by rule of joining: "
            f"{by_rule}; {amount(whole['says_works'], 'share')} of these programs were told to work or probably work.")


def failings(results: pd.DataFrame) -> list[str]:
    """Where the estimators at the till fall short, one sentence for each kind of shop; or that nothing was seen to.

    Simulated shops speak of the headline estimator, real histories of whichever answers. Short is a coverage, or a
    share of false claims, worse than asked, in kinds drawn often enough.
    """
    if tally.simulated(results).empty:
        return ["Simulated shops show more ways to fail than one history can: see the published study."]
    kept = results["estimator"].eq(study.CALIBRATED) | (
        results["estimator"].eq(study.DOUBLY_ROBUST) & results["kind"].eq("real history"))
    often = results["answers"] >= SMALL_CELL
    if not often.any():
        return ["No kind was drawn often enough here to say so: the published study draws more."]
    rows = results[kept & often]
    asked = rows["customers"].map(lambda n: study.ASKED.get(n, study.ASKED[5000]))
    short = (rows["coverage"] < asked.str[0]) | ((rows["lift"] <= 0) & (rows["claims_positive"] > asked.str[1]))
    return [_failing(row) for row in rows[short].itertuples()] or [
        "In the kinds of shop drawn here, nothing fell short of the figures asked for."]


def _failing(row) -> str:
    false = (f"; {amount(row.claims_positive, 'share')} of the intervals, and {amount(row.says_works, 'share')} of the "
             "verdicts, claim an effect that is not there.") if row.lift <= 0 else "."
    return (f"**{row.scenario}**, {count(int(row.customers), 'customer')}, lift {difference(row.lift, 'lift')}"
            f"{' (3b)' if row.estimator == study.DOUBLY_ROBUST else ''}: {tally.points(row.bias)} off on average, the "
            f"interval holds {amount(row.coverage, 'share')} of the time{false}")


def refusals(results: pd.DataFrame) -> list[str]:
    """When an estimator refuses a verdict, and how often a program that harms is called so."""
    rows = tally.simulated(results, estimator=study.CALIBRATED)
    return [f"Where an estimator has fewer than {MIN_JOINERS} joiners it refuses a verdict, whatever its interval "
            "says: its interval is counted here all the same."] + [
        f"With {count(int(row.customers), 'customer')} and a program that makes members buy "
        f"{number(-100 * row.lift)} % less, {amount(row.says_harms, 'share')} of the verdicts say that it harms; "
        f"{amount(row.says_works, 'share')} that it works." for row in rows[rows["lift"] < 0].itertuples()]


def watched() -> str:
    """How long the simulated shops are watched."""
    return f"There are {Plan().weeks_before} weeks before the launch and {Plan().weeks_after} after it."


def unable(results: pd.DataFrame) -> list[str]:
    """Why real histories could not serve, in words."""
    return [str(note) for note in results["note"].dropna()]


# ---------------------------------------------------------------- tables
def reached(results: pd.DataFrame) -> pd.DataFrame:
    """The figures that were asked for beside those measured, by number of customers, for both estimators."""
    asked = [(estimator, customers) for estimator in (study.CALIBRATED, study.DOUBLY_ROBUST)
             for customers in study.ASKED if len(_counting(results, estimator, customers=customers))]
    return pd.DataFrame([_reached(_counting(results, estimator, customers=customers), estimator, customers)
                         for estimator, customers in asked])


def _reached(cells: pd.DataFrame, estimator: str, customers: int) -> dict:
    whole, nothing = (tally.pooled(rows, ["customers"]).iloc[0] for rows in (cells, cells[cells["lift"] == 0]))
    least, most = study.ASKED[customers]
    lowest = tally.pooled(cells, ["scenario"])["coverage"].min()
    held = lowest if customers == 1000 else whole["coverage"]  # asked in each scenario there, over all elsewhere
    return {
        "estimator": estimator, "customers": customers, "shops": int(whole["repetitions"]),
        "coverage": _with_error(whole["coverage"], whole["coverage_se"]), "lowest scenario": amount(lowest, "share"),
        "false “it works” by interval": amount(nothing["claims_positive"], "share"),
        "by verdict": amount(nothing["says_works"], "share"),
        "width, points": f"{number(100 * whole['width_low'])} – {number(100 * whole['width_high'])}",
        "refused": amount(whole["refused"], "share"),
        "asked": f"{amount(least, 'share', digits=0)}, {amount(most, 'share', digits=0)}",
        "reached": "yes" if held >= least and nothing["claims_positive"] <= most else "no"}


def usual(results: pd.DataFrame) -> pd.DataFrame:
    """Every estimator on the same kind of shop, in which the program does nothing."""
    rows = tally.believed_last(tally.simulated(results, scenario="mixed", customers=1000, lift=0.0))
    shown = {"estimator": rows["estimator"]} | _rates(rows) | {
        "claims harm": [amount(share, "share") for share in rows["claims_negative"]]}
    return pd.DataFrame(shown)[["estimator", "bias, points", "interval holds the truth", "claims a positive effect",
                                "claims harm", "width, points", "draws"]]


def by_scenario(results: pd.DataFrame, estimator: str = study.CALIBRATED, customers: int = 1000) -> pd.DataFrame:
    """One row per kind of shop and lift."""
    rows = tally.simulated(results, estimator=estimator, customers=customers)
    return pd.DataFrame({"scenario": rows["scenario"], **_errors(rows)}).reset_index(drop=True)


def by_history(results: pd.DataFrame) -> pd.DataFrame:
    """One row per real history, rule of joining and estimator."""
    rows = _histories(results)
    return pd.DataFrame({"history and rule of joining": rows["scenario"], "estimator": rows["estimator"],
                         **_errors(rows)}).reset_index(drop=True)


def _histories(results: pd.DataFrame) -> pd.DataFrame:
    """The rows of real histories that say something of members."""
    rows = results[(results["kind"] == "real history") & (results["repetitions"] > 0)]
    return rows[rows["estimator"].isin([*study.BELIEVED, "members, after v. before joining"])]


def _errors(rows: pd.DataFrame) -> dict:
    rates = _rates(rows)
    return {
        "lift": [difference(lift, "lift") for lift in rows["lift"]],
        "true lift": [difference(lift, "lift", digits=1) for lift in rows["truth"]],
        "bias, points": rates["bias, points"], "interval holds the truth": rates["interval holds the truth"],
        "claims an effect": rates["claims a positive effect"],
        "says it works": [amount(share, "share") for share in rows["says_works"]],
        "width, points": rates["width, points"], "refused": [amount(share, "share") for share in rows["refused"]],
        "draws": rows["repetitions"]}


def _rates(rows: pd.DataFrame) -> dict:
    return {
        "bias, points": [tally.points(bias).split()[0] for bias in rows["bias"]],
        "interval holds the truth": list(map(_with_error, rows["coverage"], rows["coverage_se"])),
        "claims a positive effect": [amount(share, "share") for share in rows["claims_positive"]],
        "width, points": [number(100 * width) for width in rows["median_width"]], "draws": rows["repetitions"]}


def _with_error(share: float, se: float) -> str:
    return "–" if np.isnan(share) else f"{number(100 * share, 1)} % ± {number(100 * se, 1)}"


def readme(results: pd.DataFrame) -> str:
    """The study in a page's worth of Markdown: the answer, the two tables that matter most, and where it fails."""
    compared = usual(results)[["estimator", "bias, points", "interval holds the truth", "claims a positive effect"]]
    return "\n\n".join([
        "# How often the estimates are right",
        "With charts it is [validation.html](validation.html). `make validate` makes both again (half an hour on two "
        "cores; with `QUICK=1` two minutes). `make validate CLIENT=acme`, after `make report CLIENT=acme`, plants "
        "customers who join, to no effect, in that client's own order history: so you see what the methods would have "
        "said of this very shop had its program done nothing (`reports/validation_acme/validation.html`).",
        " ".join([*answer(results), *made(results)[:1]]),
        "The comparison at the till (3a the headline, 3b its cross-check), in the eight kinds of shop that an "
        "estimator must survive (lifts of 0, 10 and 30 %; “false” at 0):",
        _markdown(reached(results).drop(columns=["asked", "reached", "refused"])),
        "Every estimator on one kind of shop of 1,000 customers in which the program does nothing:",
        _markdown(compared), "Where it falls short, published too:",
        "\n".join(f"- {sentence}" for sentence in failings(results))]) + "\n"


def _markdown(table: pd.DataFrame) -> str:
    lines = [list(table.columns), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
