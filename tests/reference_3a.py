"""The history-calibrated estimator written a second time, slowly and densely, from its description alone.

Customers x weeks as a full matrix, loops over customers and weeks, fits by a general-purpose optimizer: nothing is
shared with loyalty_helpers.evaluation.calibrated, so that agreement of the two says something. Where the description
leaves a choice, `choices` names it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.special import digamma, expit, polygamma

YEAR = 365.25 / 7
CHOICES = {
    "grid": (np.geomspace(0.5, 6, 14), np.geomspace(4, 45, 14)),  # of A and B
    "own_counts_on": "learn",  # rows for the overdispersion: "learn" (w <= L-14) or "pre" (w < L)
    "hazard_of": "orders",  # what the lag hazard counts, for both outcomes: "orders", or the "outcome" itself
    "spend_factor": "spend",  # kappa for spend: of "spend" or of "orders"
}


def dense(orders: pd.DataFrame, members: pd.DataFrame, launched_on) -> dict:
    """Customers x weeks: orders and spend, the week of joining (10^6 without), the launch, the ids."""
    launch = pd.Timestamp(launched_on)
    start = launch
    while start - pd.Timedelta(days=7) >= orders["ordered_at"].min().normalize():
        start -= pd.Timedelta(days=7)
    last_day = orders["ordered_at"].max().normalize() + pd.Timedelta(days=1)
    weeks = (last_day - start).days // 7
    named = orders[orders["customer_id"].notna()]
    ids = sorted(named["customer_id"].unique())
    place = {c: i for i, c in enumerate(ids)}
    y, money, seen = np.zeros((len(ids), weeks), int), np.zeros((len(ids), weeks)), set()
    for row in named.sort_values("ordered_at", kind="stable").itertuples():
        at = place[row.customer_id], (row.ordered_at - start).days // 7
        new = not row.is_refund and row.order_id not in seen  # an order of several lines counts at the first
        seen |= {row.order_id} if new else set()
        if 0 <= at[1] < weeks:
            money[at] += row.amount
            y[at] += new
    joined = np.full(len(ids), 10**6)
    for row in members.dropna(subset=["customer_id", "joined_at"]).itertuples():
        if row.customer_id in place:
            i = place[row.customer_id]
            joined[i] = min(joined[i], (row.joined_at.normalize() - start).days // 7)
    return {"y": y, "money": money, "joined": joined, "launch": (launch - start).days // 7, "ids": ids}


def rows_of(y: np.ndarray, joined: np.ndarray, launch: int) -> pd.DataFrame:
    rows, weeks = [], y.shape[1]
    for i in range(len(y)):
        if joined[i] < launch or not y[i].any():
            continue
        bought = np.flatnonzero(y[i])
        first = bought[0]
        for w in bought[(bought >= 26) & (bought <= weeks - 2) & (bought <= joined[i])]:
            earlier, later = bought[bought < w], bought[bought > w]
            rows.append({
                "i": i, "w": w, "joins": joined[i] == w, "now": min(y[i, w], 3),
                "gap": min(w - earlier[-1], 26) if len(earlier) else 26,
                "c8": y[i, w - 8:w].sum(), "c26": y[i, w - 26:w].sum(), "te": w - first,
                "k": y[i, max(first + 1, w - 104):w].sum(), "e": min(max(w - first - 1, 0), 103),
                "ka": y[i, w - 13:w].sum(), "kb": y[i, w - 26:w - 13].sum(),
                "next": later[0] if len(later) else 10**6,
            })
    return pd.DataFrame(rows)


def fit(kind: str, x: np.ndarray, y: np.ndarray, offset: np.ndarray | float = 0.0) -> np.ndarray:
    """Coefficients, the intercept first, of a Poisson or logistic regression with ridge 1e-3 N on the slopes."""
    x = np.column_stack([np.ones(len(x)), x])
    ridge = 1e-3 * len(x) * np.append(0, np.ones(x.shape[1] - 1))

    def loss(b):
        eta = x @ b + offset
        return (np.exp(eta) if kind == "poisson" else np.logaddexp(0, eta)).sum() - y @ eta + ridge @ b**2 / 2

    def mean(b):
        return np.exp(x @ b + offset) if kind == "poisson" else expit(x @ b)

    def slope(b):
        return x.T @ (mean(b) - y) + ridge * b

    def curve(b):
        m = mean(b)
        return (x.T * (m if kind == "poisson" else m * (1 - m))) @ x + np.diag(ridge)

    b = np.zeros(x.shape[1])
    if kind == "poisson":
        b[0] = np.log(y.sum() / np.broadcast_to(np.exp(offset), len(y)).sum())
    return optimize.minimize(loss, b, jac=slope, hess=curve, method="trust-exact", options={"gtol": 1e-7}).x


def reference(world: dict, *, outcome: str = "orders", spell: tuple[int, int] = (1, 13),
              without: np.ndarray | None = None, given: dict | None = None, **choices) -> dict:
    """theta, kappa, beta, shift and what led there, for the weeks `spell` of follow-up, without customers `without`.

    `given` fixes score and standardisation (those of a fit to all), so that only the GLMs are refitted.
    """
    choices = CHOICES | choices
    y, joined, launch = world["y"], world["joined"], world["launch"]
    paid = world["money"] / (world["money"].sum() / y.sum()) if outcome == "spend" else y
    weeks = y.shape[1]
    rows = world.get("rows")
    rows = (rows_of(y, joined, launch) if rows is None else rows).copy()
    if without is not None:
        rows = rows[~rows["i"].isin(without)].copy()
    learn, pre, post = rows["w"] < launch - spell[1], rows["w"] < launch, rows["w"] >= launch
    for name, kind in (("out", paid), ("Y", y)):
        rows[name] = [kind[i, w + spell[0]:w + spell[1] + 1].sum() for i, w in zip(rows["i"], rows["w"], strict=True)]
    # 2. the score
    if given is None:
        best, (k, e, then) = -np.inf, rows.loc[learn, ["k", "e", "Y"]].to_numpy(float).T
        for a in choices["grid"][0]:
            for b in choices["grid"][1]:
                x = (a + k) / (b + e)
                mu = x * then.sum() / x.sum()
                value = (then * np.log(mu) - mu).sum()
                if value > best:
                    best, top = value, (a, b)
        own = rows[(learn if choices["own_counts_on"] == "learn" else pre) & (rows["te"] > 26)]
        spread = ((own["ka"] - own["kb"])**2).sum() / (own["ka"] + own["kb"]).sum()
        tau = min(max(1 / spread, 0.3), 1)
    else:
        top, tau = given["top"], given["tau"]
    shape, pace = tau * top[0] + tau * rows["k"], tau * top[1] + tau * rows["e"]
    rows["ell"], rows["v"] = digamma(shape) - np.log(pace), polygamma(1, shape)
    # 3. the covariates
    x = np.column_stack([rows["ell"], rows["now"], np.log1p(rows["gap"]), np.minimum(rows["c8"], 4),
                         np.log1p(rows["c26"]), np.sqrt(rows["c26"]), np.log1p(np.minimum(rows["te"], 26)),
                         rows["te"] == 0]).astype(float)
    centre, scale = (x[pre].mean(0), x[pre].std(0)) if given is None else (given["centre"], given["scale"])
    x = (x - centre) / np.where(scale > 0, scale, 1)
    season = np.column_stack([np.sin(2 * np.pi * rows["w"] / YEAR), np.cos(2 * np.pi * rows["w"] / YEAR)])
    full = np.column_stack([x, season])
    # 4. V, and K up to the next order
    coef = fit("poisson", full[learn], rows["out"][learn].to_numpy())
    rows["V"] = np.exp(coef[0] + full @ coef[1:])

    factor_of = y if choices["spend_factor"] == "orders" else paid

    def at_risk(end):
        stop = np.minimum.reduce([rows["next"], rows["w"] + 10, end])
        reached = rows["next"] <= stop
        made = [(y[i, s] * r, factor_of[i, s] * r) for i, s, r in zip(rows["i"], stop, reached, strict=True)]
        return stop - rows["w"], *np.array(made, float).T

    m, orders_then, made = at_risk(np.full(len(rows), launch - 1))
    counted = orders_then if choices["hazard_of"] == "orders" else made
    use = pre & (m >= 1)
    hazard = np.zeros(11)
    for lag in range(1, 11):
        there = use & (m >= lag)
        event = there & (rows["next"] - rows["w"] == lag)
        hazard[lag] = counted[event].sum() / there.sum() if there.any() else 0
    cumulated = np.cumsum(hazard)
    coef = fit("poisson", full[use], made[use], np.log(cumulated[m[use]]))
    m, _, rows["N"] = at_risk(np.minimum(weeks - 1, joined[rows["i"]]))
    rows["K"] = np.exp(coef[0] + full @ coef[1:] + np.log(cumulated[np.maximum(m, 1)]))
    # 5. who joins
    known = post & (rows["te"] >= 13)
    time = ((rows["w"] - launch) / (weeks - launch)).to_numpy()
    who = np.column_stack([x[:, :7], time, time**2])[known]
    coef = fit("logistic", who, rows["joins"][known].to_numpy(float))
    beta = coef[1] / (scale[0] or 1)
    rows["residual"] = 0.0
    rows.loc[known, "residual"] = rows["joins"][known] - expit(coef[0] + who @ coef[1:])
    rows["R"] = rows.sort_values(["i", "w"]).groupby("i")["residual"].cumsum()
    rows["s"] = np.exp(np.clip(beta * rows["v"] * rows["R"], -1, 1))
    # 6. the factor and the lift
    others, joiners = rows[known & ~rows["joins"]], rows[known & rows["joins"] & (rows["w"] < weeks - spell[1])]
    kappa = others["N"].sum() / (others["K"] * others["s"]).sum()
    theta = np.log(joiners["out"].sum() / (kappa * (joiners["V"] * joiners["s"]).sum()))
    shift = (np.log((joiners["V"] * joiners["s"]).sum() / joiners["V"].sum())
             - np.log((others["K"] * others["s"]).sum() / others["K"].sum()))
    return {"theta": theta, "kappa": kappa, "beta": beta, "shift": shift, "n": len(joiners), "top": top, "tau": tau,
            "centre": centre, "scale": scale}


def refitted(world: dict, group: np.ndarray, *, score_too: bool = False, **options) -> float:
    """Standard error of theta by leaving out each group and fitting again; `score_too` refits the score as well."""
    world = world | {"rows": rows_of(world["y"], world["joined"], world["launch"])}
    whole = None if score_too else reference(world, **options)
    left_out = [reference(world, without=np.flatnonzero(group == g), given=whole, **options)["theta"]
                for g in np.unique(group)]
    return float(np.sqrt((len(left_out) - 1) * np.var(left_out)))


def interval_se(jackknife: float, n: int, shift: float) -> float:
    return float(np.sqrt((1.08 * jackknife)**2 * n / (n - 4) + 0.02**2 + (0.25 * shift)**2))
