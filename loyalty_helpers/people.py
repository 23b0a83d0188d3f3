"""Who is who: the same customer across files, by a rule that can be said in three sentences.

A row's customer is the platform's own id; without one the e-mail address; without one the telephone number. An e-mail
address that stands beside an id anywhere belongs to that customer, and two ids with one address are one customer. An
address beside more than three ids, a number beside several customers, and whatever is masked tell nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from loyalty_helpers.core.columns import ADDRESSES, TEXT, WHO

IDS_PER_ADDRESS = 3  # more are no person with several accounts, but a household's, a company's or the till's address


def recognise(tables: Sequence[pd.DataFrame]) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    """The tables, each row with its one `customer_id` and without addresses and numbers; those without customers as
    they are. And how the customers were recognised: by (text), customers (int64); no row where only plain ids came.
    """
    keys = {i: _keys(cells) for i, cells in enumerate(tables) if "customer_id" in cells}
    if not any(_has_addresses(tables[i]) for i in keys):
        return [*tables], _told([])
    met = pd.concat([one.drop_duplicates() for one in keys.values()], ignore_index=True).drop_duplicates()
    person, told = _persons(met)
    return [cells.drop(columns=[*ADDRESSES], errors="ignore").assign(customer_id=_customer(keys[i], person))
            if i in keys else cells for i, cells in enumerate(tables)], told


def _told(rows: list[tuple[str, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["by", "customers"]).astype({"by": TEXT, "customers": "int64"})


def _has_addresses(cells: pd.DataFrame) -> bool:
    return any(name in cells for name in ADDRESSES) or _are_addresses(cells["customer_id"]).any()


def _are_addresses(ids: pd.Series) -> pd.Series:
    return ids.str.contains("@", regex=False, na=False)


def _keys(cells: pd.DataFrame) -> pd.DataFrame:
    """The three keys of each row; an id that is an e-mail address is one."""
    cells = cells.reindex(columns=list(WHO)).astype(TEXT)
    is_address = _are_addresses(cells["customer_id"])
    address = cells["customer_id"].str.strip().str.casefold()
    return cells.assign(customer_id=cells["customer_id"].mask(is_address),
                        email=address.where(is_address, cells["email"]))


def _persons(met: pd.DataFrame) -> tuple[dict[str, dict[str, str]], pd.DataFrame]:
    """For each key of each kind the customer it stands for; a key that tells nothing is left out."""
    pairs = met[["customer_id", "email"]].dropna().drop_duplicates()
    ids_of = pairs["email"].value_counts()
    shared = set(ids_of.index[ids_of > IDS_PER_ADDRESS])
    pairs = pairs[~pairs["email"].isin(shared)]
    ids, addresses = met["customer_id"].dropna().unique(), met["email"].dropna().unique()
    addresses = addresses[~pd.Series(addresses).isin(shared).to_numpy()] if len(addresses) else addresses
    nodes = pd.Index([f"i{one}" for one in ids] + [f"e{one}" for one in addresses])
    a, b = nodes.get_indexer("i" + pairs["customer_id"]), nodes.get_indexer("e" + pairs["email"])
    links = coo_array((np.ones(len(a)), (a, b)), shape=(len(nodes), len(nodes)))
    _, group = connected_components(links, directed=False)
    # addresses that chain more ids together than one may have are worth no more than one that many share
    is_id = nodes.str[0] == "i"
    chained = np.bincount(group[is_id], minlength=group.max(initial=-1) + 1)[group] > IDS_PER_ADDRESS
    group = np.where(chained, group.max(initial=-1) + 1 + np.arange(len(group)), group)
    # an id before an address, of several the first by name
    table = pd.DataFrame({"node": nodes, "group": group, "is_address": nodes.str[0] == "e", "name": nodes.str[1:]})
    name = table.sort_values(["is_address", "name"]).drop_duplicates("group").set_index("group")["name"]
    table["person"] = table["group"].map(name)
    person = {"customer_id": dict(table.loc[~table["is_address"], ["name", "person"]].to_numpy()),
              "email": dict(table.loc[table["is_address"] & ~chained, ["name", "person"]].to_numpy())}
    beside = met.assign(person=_customer(met, person | {"phone": {}}))
    owners = beside.dropna(subset=["phone"]).groupby("phone")["person"].agg(["nunique", "first"])
    person["phone"] = {phone: row.first if row.nunique else phone
                       for phone, row in zip(owners.index, owners.itertuples(index=False), strict=True)
                       if row.nunique <= 1}
    with_id = table[~table["is_address"]]
    rows = [("the platform's own id", with_id["person"].nunique()),
            ("the e-mail address", table["person"].nunique() - with_id["person"].nunique()),
            ("the telephone number", sum(phone == one for phone, one in person["phone"].items())),
            ("several ids of one address, taken as one customer", len(with_id) - with_id["person"].nunique()),
            ("an address beside more than three ids: not used", len(shared) + int((chained & ~is_id).sum())),
            ("a telephone number beside several customers: not used", int((owners["nunique"] > 1).sum()))]
    return person, _told([(words, number) for words, number in rows if number])


def _customer(own: pd.DataFrame, person: dict[str, dict[str, str]]) -> pd.Series:
    found = pd.Series(index=own.index, dtype=TEXT)
    for kind in WHO:
        found = found.fillna(own[kind].map(person[kind]).astype(TEXT))
    return found
