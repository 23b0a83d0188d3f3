"""What the page of the validation study shows: sentences, tables and charts, all computed from its one table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from loyalty_helpers.core.findings import amount, count, difference, number
from loyalty_helpers.evaluation.till import MIN_JOINERS
from loyalty_helpers.lab import study
from loyalty_helpers.lab.simulate import Plan
from loyalty_helpers.report.charts.marks import ACCENT, GREY, INK, Chart, canvas, nothing, percent_axis

SMALL_CELL = 100  # draws from which on a cell is spoken of by itself


def read(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "results.csv")


def simulated(results: pd.DataFrame, **where) -> pd.DataFrame:
    """The rows of simulated shops, those alone whose columns have the values given."""
    return _where(results[results["kind"] == "simulated"], where)


def counting(results: pd.DataFrame, estimator: str = study.CALIBRATED, **where) -> pd.DataFrame:
    """The rows of an estimator in the scenarios that count, of lifts that are not harm."""
    rows = simulated(results, estimator=estimator, **where)
    return rows[rows["scenario"].isin(study.COUNTING) & (rows["lift"] >= 0)]


def _where(rows: pd.DataFrame, where: dict) -> pd.DataFrame:
    for column, value in where.items():
        rows = rows[rows[column] == value]
    return rows


# ---------------------------------------------------------------- sentences
def made(results: pd.DataFrame) -> list[str]:
    """When, with which seeds and which code, and how much was drawn: of simulated shops, and of real histories."""
    nouns = {"simulated": "simulated shop", "real history": "planted program"}
    return [_made(results[(results["kind"] == kind) & (results["repetitions"] > 0)], noun)
            for kind, noun in nouns.items()] + [
        f"While the estimators were designed, only seeds below {number(study.DESIGN_SEEDS_BELOW)} were used."]


def _made(rows: pd.DataFrame, noun: str) -> str:
    if rows.empty:
        return ""
    cells = rows.drop_duplicates(["scenario", "customers", "lift", "seed_first"])
    return (f"{count(int(cells['repetitions'].sum()), noun)} of {count(len(cells), 'kind')}, drawn on "
            f"{rows['made_on'].iloc[0]} with seeds {number(rows['seed_first'].min())} to "
            f"{number(rows['seed_last'].max())} (code of the estimators: {rows['code'].iloc[0]}).")


def answer(results: pd.DataFrame) -> list[str]:
    """One sentence on simulated shops and one on real histories; what stands first in the table leads."""
    found = {"simulated": _answer_of_shops(results), "real history": _answer_of_histories(results)}
    return [found[kind] for kind in dict.fromkeys(results["kind"]) if found[kind]]


def _answer_of_shops(results: pd.DataFrame) -> str:
    rows = counting(results)
    if rows.empty:
        return ""
    # small shops are mostly refused a verdict, which would make the verdicts look better than they are
    judged = rows[(rows["lift"] == 0) & (rows["customers"] >= 1000)]
    whole, nothing = study.pooled(rows, ["estimator"]).iloc[0], study.pooled(judged, ["estimator"])
    false = [f"; of programs that do nothing in shops of 1,000 customers or more, {amount(share, 'share')} were told "
             "to work or probably work" for share in nothing["says_works"]]
    return (f"In {count(int(whole['answers']), 'simulated shop')} whose truth is known, of the eight kinds that an "
            f"estimator must survive, the 95 % interval of the estimate at the till held the truth "
            f"{amount(whole['coverage'], 'share')} of the time{''.join(false)}.")


def _answer_of_histories(results: pd.DataFrame) -> str:
    """Of the headline estimator where it could answer, else of the cross-check."""
    rows = histories(results)
    rows = rows[rows["answers"] > 0]
    shown = next((one for one in (study.CALIBRATED, study.DOUBLY_ROBUST) if (rows["estimator"] == one).any()), None)
    if shown is None:
        return " ".join(unable(results))
    rows = rows[rows["estimator"] == shown]
    names = sorted({scenario.partition(":")[0] for scenario in rows["scenario"]})
    short = " (the cross-check alone could answer: too short for the headline method)"
    alone = short if shown != study.CALIBRATED else ""
    by_rule = "; ".join(f"{row.scenario.partition(': ')[2]} {amount(row.coverage, 'share')}"
                        for row in rows.itertuples())
    whole = study.pooled(rows, ["estimator"]).iloc[0]
    return (f"In the order history of {' and '.join(names)}{alone}, with a program that does nothing planted "
            f"{count(int(whole['answers']), 'time')}, the 95 % interval held the truth, by rule of joining: {by_rule}; "
            f"{amount(whole['says_works'], 'share')} of these programs were told to work or probably work.")


def misses(results: pd.DataFrame) -> list[str]:
    """Where the estimators at the till fall short, one sentence for each kind of shop; an empty list if nowhere.

    Simulated shops speak of the headline estimator, real histories of whichever answers. Short is a coverage, or a
    share of false claims, worse than asked, in kinds drawn often enough.
    """
    kept = results["estimator"].eq(study.CALIBRATED) | (
        results["estimator"].eq(study.DOUBLY_ROBUST) & results["kind"].eq("real history"))
    rows = results[kept & (results["answers"] >= SMALL_CELL)]
    least, most = (rows["customers"].map(lambda n, place=place: study.ASKED.get(n, (0.94, 0.04))[place])
                   for place in (0, 1))
    false = rows["claims_positive"].where(rows["lift"] <= 0, 0.0)
    return [f"**{row.scenario}**, {count(int(row.customers), 'customer')}, lift {difference(row.lift, 'lift')}"
            f"{' (3b)' if row.estimator == study.DOUBLY_ROBUST else ''}: {_points(row.bias)} off on average, the "
            f"interval holds {amount(row.coverage, 'share')} of the time"
            + (f"; {amount(row.claims_positive, 'share')} of the intervals, and {amount(row.says_works, 'share')} of "
               "the verdicts, claim an effect that is not there." if row.lift <= 0 else ".")
            for row in rows[(rows["coverage"] < least) | (false > most)].itertuples()]


def failings(results: pd.DataFrame) -> list[str]:
    """What goes wrong, or that nothing was seen to."""
    if simulated(results).empty:
        return ["Simulated shops show more ways to fail than one history can: see the published study."]
    if not (results["answers"] >= SMALL_CELL).any():
        return ["No kind was drawn often enough here to say so: the published study draws more."]
    return misses(results) or ["In the kinds of shop drawn here, nothing fell short of the figures asked for."]


def refusing() -> str:
    return (f"Where an estimator has fewer than {MIN_JOINERS} joiners it refuses a verdict, whatever its interval "
            "says: its interval is counted here all the same.")


def span() -> str:
    """How long the simulated shops are watched."""
    plan = Plan()
    return f"There are {plan.weeks_before} weeks before the launch and {plan.weeks_after} after it."


def harm(results: pd.DataFrame) -> list[str]:
    """How often a program that harms is called so."""
    rows = simulated(results, estimator=study.CALIBRATED)
    return [f"With {count(int(row.customers), 'customer')} and a program that makes members buy "
            f"{number(-100 * row.lift)} % less, {amount(row.says_harms, 'share')} of the verdicts say that it harms; "
            f"{amount(row.says_works, 'share')} that it works."
            for row in rows[rows["lift"] < 0].itertuples()]


def unable(results: pd.DataFrame) -> list[str]:
    """Why real histories could not serve, in words."""
    return [str(note) for note in results["note"].dropna()]


def _points(value: float) -> str:
    points = number(100 * value, 1, signed=True)
    return f"{points} point" + ("" if points in ("+1.0", "−1.0") else "s")


# ---------------------------------------------------------------- tables
def reached(results: pd.DataFrame) -> pd.DataFrame:
    """The figures that were asked for beside those measured, by number of customers, for both estimators."""
    rows = []
    for estimator in (study.CALIBRATED, study.DOUBLY_ROBUST):
        for customers, (least, most) in study.ASKED.items():
            cells = counting(results, estimator, customers=customers)
            if cells.empty:
                continue
            whole = study.pooled(cells, ["customers"]).iloc[0]
            nothing = study.pooled(cells[cells["lift"] == 0], ["customers"]).iloc[0]
            each = customers == 1000  # coverage is asked in each of the scenarios there, over all of them elsewhere
            lowest = study.pooled(cells, ["scenario"])["coverage"].min() if each else whole["coverage"]
            rows.append({
                "estimator": estimator, "customers": customers, "shops": int(whole["repetitions"]),
                "coverage": _with_error(whole["coverage"], whole["coverage_se"]),
                "lowest scenario": amount(study.pooled(cells, ["scenario"])["coverage"].min(), "share"),
                "false “it works” by interval": amount(nothing["claims_positive"], "share"),
                "by verdict": amount(nothing["says_works"], "share"),
                "width, points": f"{number(100 * whole['width_low'])} – {number(100 * whole['width_high'])}",
                "refused": amount(whole["refused"], "share"),
                "asked": f"{amount(least, 'share', digits=0)}, {amount(most, 'share', digits=0)}",
                "reached": "yes" if lowest >= least and nothing["claims_positive"] <= most else "no"})
    return pd.DataFrame(rows)


def readme(results: pd.DataFrame) -> str:
    """The study in a page's worth of Markdown: the answer, the two tables that matter most, and where it fails."""
    measured = reached(results).drop(columns=["asked", "reached", "refused"])
    compared = usual(results)[["estimator", "bias, points", "interval holds the truth", "claims a positive effect"]]
    parts = ["# How often the estimates are right",
             "The page with charts is [validation.html](validation.html); `make validate` makes both again (half an hour on two cores; "
             "`make validate QUICK=1` takes two minutes). `make validate CLIENT=acme`, after `make report CLIENT=acme`, plants "
             "customers who join, to no effect, in that client's own order history: so you see what the methods would have said of "
             "this very shop had its program done nothing (`reports/validation_acme/validation.html`).",
             " ".join([*answer(results), *made(results)[:1]]),
             "The comparison at the till (3a the headline, 3b its cross-check), in the eight kinds of shop that an "
             "estimator must survive (lifts of 0, 10 "
             "and 30 %; “false” at 0):", _markdown(measured),
             "Every estimator on one kind of shop of 1,000 customers in which the program does nothing:",
             _markdown(compared), "Where it falls short, published too:",
             "\n".join(f"- {sentence}" for sentence in failings(results))]
    return "\n\n".join(parts) + "\n"


def _markdown(table: pd.DataFrame) -> str:
    lines = [list(table.columns), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def usual(results: pd.DataFrame) -> pd.DataFrame:
    """Every estimator on the same kind of shop, in which the program does nothing."""
    rows = _believed_last(simulated(results, scenario="mixed", customers=1000, lift=0.0))
    return pd.DataFrame({
        "estimator": rows["estimator"], "bias, points": [_points(bias).split()[0] for bias in rows["bias"]],
        "interval holds the truth": [_with_error(*pair) for pair in zip(rows["coverage"], rows["coverage_se"],
                                                                        strict=True)],
        "claims a positive effect": [amount(share, "share") for share in rows["claims_positive"]],
        "claims harm": [amount(share, "share") for share in rows["claims_negative"]],
        "width, points": [number(100 * width) for width in rows["median_width"]],
        "draws": rows["repetitions"]})


def _believed_last(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values("estimator", key=lambda names: names.isin(study.BELIEVED), kind="stable")


def by_scenario(results: pd.DataFrame, estimator: str = study.CALIBRATED, customers: int = 1000) -> pd.DataFrame:
    """One row per kind of shop and lift."""
    rows = simulated(results, estimator=estimator, customers=customers)
    return _errors(rows.assign(what=rows["scenario"]), "scenario").assign(
        lift=[difference(lift, "lift") for lift in rows["lift"]])


def histories(results: pd.DataFrame) -> pd.DataFrame:
    """The rows of real histories that say something of members."""
    rows = results[(results["kind"] == "real history") & (results["repetitions"] > 0)]
    return rows[rows["estimator"].isin([*study.BELIEVED, "members, after v. before joining"])]


def histories_shown(results: pd.DataFrame) -> pd.DataFrame:
    rows = histories(results)
    table = _errors(rows.assign(what=rows["scenario"]), "history and rule of joining")
    table.insert(1, "estimator", rows["estimator"].to_numpy())
    return table


def times(results: pd.DataFrame) -> pd.DataFrame:
    """Median seconds of a call of `at_the_till`, by number of customers."""
    rows = results[results["estimator"].isin((study.CALIBRATED, study.DOUBLY_ROBUST)) & (results["answers"] > 0)]
    taken = rows.groupby("customers")["seconds_median"].median()
    return pd.DataFrame({"customers": taken.index, "seconds": [number(value, 2) for value in taken]})


def _errors(rows: pd.DataFrame, heading: str) -> pd.DataFrame:
    return pd.DataFrame({
        heading: rows["what"], "lift": [difference(lift, "lift") for lift in rows["lift"]],
        "true lift": [difference(lift, "lift", digits=1) for lift in rows["truth"]],
        "bias, points": [_points(bias).split()[0] for bias in rows["bias"]],
        "interval holds the truth": [_with_error(*pair) for pair in zip(rows["coverage"], rows["coverage_se"],
                                                                        strict=True)],
        "claims an effect": [amount(share, "share") for share in rows["claims_positive"]],
        "says it works": [amount(share, "share") for share in rows["says_works"]],
        "width, points": [number(100 * width) for width in rows["median_width"]],
        "refused": [amount(share, "share") for share in rows["refused"]],
        "draws": rows["repetitions"]}).reset_index(drop=True)


def _with_error(share: float, se: float) -> str:
    return "–" if np.isnan(share) else f"{number(100 * share, 1)} % ± {number(100 * se, 1)}"


# ---------------------------------------------------------------- charts
def coverage_of_all(results: pd.DataFrame) -> Chart:
    """Coverage of every estimator on one kind of shop, in which the program does nothing."""
    rows = _believed_last(simulated(results, scenario="mixed", customers=1000, lift=0.0))
    rows = rows[rows["answers"] > 0]
    if rows.empty:
        return nothing("No shop was simulated here.")
    usual = rows[~rows["estimator"].isin(study.BELIEVED) & (rows["coverage"] < 0.5)]
    title = (f"{len(usual)} of {count(len(rows), 'estimator')} hold the truth less than half of the time they say 95 %")
    return _coverage(rows, rows["estimator"], rows["estimator"].isin(study.BELIEVED), title)


def coverage_by_scenario(results: pd.DataFrame, customers: int = 1000) -> Chart:
    """Coverage of the headline estimator in every kind of shop, over its lifts."""
    rows = simulated(results, estimator=study.CALIBRATED, customers=customers)
    if rows.empty:
        return nothing(f"No shop of {count(customers, 'customer')} was simulated here.")
    rows = study.pooled(rows[rows["lift"] >= 0], ["scenario"])
    kept = rows["scenario"].isin(study.COUNTING)
    lowest = rows.loc[rows["coverage"].idxmin()]
    title = (f"With {count(customers, 'customer')} the interval holds the truth least often in “{lowest['scenario']}”: "
             f"{amount(lowest['coverage'], 'share')}")
    return _coverage(rows, rows["scenario"], kept, title)


def _coverage(rows: pd.DataFrame, names: pd.Series, strong: pd.Series, title: str) -> Chart:
    figure, ax = canvas(0.8 + 0.3 * len(rows))
    places, told = np.arange(len(rows))[::-1], []
    for y, name, share, n, own in zip(places, names, rows["coverage"], rows["answers"], strong, strict=True):
        low, high = stats.binomtest(round(share * n), int(n)).proportion_ci(method="wilson")
        color = ACCENT if own else GREY
        ax.plot([low, high], [y, y], color=color, linewidth=2.4, solid_capstyle="butt")
        ax.plot([share], [y], "o", color=color, markersize=7, markerfacecolor=color if own else "white",
                markeredgewidth=1.6)
        told.append(f"{name} {amount(share, 'share')}")
    ax.axvline(0.95, color=INK, linewidth=1)
    ax.set_yticks(places, list(names))
    ax.set(xlabel="how often the 95 % interval holds the truth; line: 95 %", ylim=(-0.6, len(rows) - 0.4))
    percent_axis(ax.xaxis)
    ax.grid(axis="x")
    return Chart(figure, title, f"Dot plot of coverage with its own 95 % interval. {title}. {'; '.join(told)}.",
                 note="Filled: what the report believes, in kinds of shop it is meant for. Hollow: the others.")


def bias_by_scenario(results: pd.DataFrame, customers: int = 1000) -> Chart:
    """Mean of estimate less truth by kind of shop, where the program does nothing, for both estimators at the till."""
    rows = simulated(results, customers=customers, lift=0.0)
    rows = rows[rows["estimator"].isin((study.CALIBRATED, study.DOUBLY_ROBUST))]
    if rows.empty:
        return nothing(f"No shop of {count(customers, 'customer')} was simulated here.")
    scenarios = list(dict.fromkeys(rows["scenario"]))
    figure, ax = canvas(0.8 + 0.34 * len(scenarios))
    for row in rows.itertuples():
        own = row.estimator == study.CALIBRATED
        y = len(scenarios) - 1 - scenarios.index(row.scenario) + (0.13 if own else -0.13)
        color = ACCENT if own else GREY
        ax.plot([row.bias - 1.96 * row.bias_se, row.bias + 1.96 * row.bias_se], [y, y], color=color, linewidth=2.4,
                solid_capstyle="butt")
        ax.plot([row.bias], [y], "o", color=color, markersize=6, markerfacecolor=color if own else "white")
    ax.axvline(0, color=INK, linewidth=1)
    ax.set_yticks(range(len(scenarios) - 1, -1, -1), scenarios)
    ax.set(xlabel="mean error of the lift where the program does nothing", ylim=(-0.6, len(scenarios) - 0.4))
    percent_axis(ax.xaxis, signed=True)
    ax.grid(axis="x")
    own = rows[rows["estimator"] == study.CALIBRATED]
    worst = own.loc[own["bias"].abs().idxmax()]
    title = f"The largest mean error is {_points(worst['bias'])}, in “{worst['scenario']}”"
    told = "; ".join(f"{row.scenario} {_points(row.bias)}" for row in own.itertuples())
    return Chart(figure, title, f"Dot plot of mean errors with 95 % intervals. {title}. {told}.",
                 note="Filled: history-calibrated (3a). Hollow: doubly robust (3b).")
