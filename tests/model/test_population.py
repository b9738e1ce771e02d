"""Who is in the world: sizes of carts, amounts, PSPs, EC groups and the creditors in them, against their laws.

Goodness of fit is by Pearson's chi-square at a false alarm of 0.1% each; seeds are fixed.
"""

from itertools import pairwise
from math import exp

import numpy as np
import pytest
from scipy import stats

from model.worlds import EC, PSP, names, rows, run

ALARM = 0.001
MANY = ("run.window=1000 s", "arrivals.rate=4/s", "citizen.abandon=100%")
"""4000 carts of citizens who leave as soon as they can."""


def fits(counts, shares):
    """Tell whether counts may come from a law, by Pearson's chi-square."""
    counts, shares = np.asarray(counts, dtype=float), np.asarray(shares, dtype=float)
    return stats.chisquare(counts, shares / shares.sum() * counts.sum()).pvalue > ALARM


def test_carts_have_the_sizes_of_the_scenario():
    """Shares of 1 to 5 notices, of which 4 never occurs."""
    shares = {1: 0.5, 2: 0.2, 3: 0.2, 5: 0.1}
    sizes = run(*MANY, cart={"notices": shares}, record=()).tables["carts"]["cart_size"]
    counts = np.bincount(sizes, minlength=6)
    assert counts[[0, 4]].tolist() == [0, 0]
    assert fits(counts[[1, 2, 3, 5]], list(shares.values()))


def test_psps_and_groups_have_their_shares_of_the_traffic():
    """Carts choose their PSP, notices their EC group, independently: 3 x 2 cells of the product of the shares."""
    psps = [{**PSP, "name": name, "share": share} for name, share in (("a", 0.5), ("b", 0.3), ("c", 0.2))]
    ecs = [{**EC, "name": name, "share": share} for name, share in (("x", 0.9), ("y", 0.1))]
    records = run(*MANY, psps=psps, ecs=ecs, record=())
    cells = list(zip(names(records, "payments", "psp"), names(records, "payments", "ec_group"), strict=True))
    expected = {(p["name"], e["name"]): p["share"] * e["share"] for p in psps for e in ecs}
    assert fits([cells.count(cell) for cell in expected], list(expected.values()))


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_traffic_within_a_group_is_zipf(exponent):
    """EC number k of 5000 has a share proportional to (k + 1)^-s; the first ten alone, the others in classes.

    Classes are chosen so that every one of them has an expected count of 50 or more.
    """
    records = run(*MANY, "ecs.ec.count=5000", f"ecs.ec.zipf={exponent}", record=())
    ec = records.tables["payments"]["ec"]
    shares = np.arange(1, 5001, dtype=float) ** -exponent
    classes = np.searchsorted(np.cumsum(shares) / shares.sum(), np.linspace(0, 1, 41)[1:-1])
    edges = np.unique(np.concatenate([[0], np.arange(1, 11) if exponent else [], classes + 1, [5000]])).astype(int)
    counts = np.array([((ec >= low) & (ec < high)).sum() for low, high in pairwise(edges)])
    expected = np.array([shares[low:high].sum() for low, high in pairwise(edges)])
    large = expected / expected.sum() * counts.sum() >= 50
    assert large.sum() > 5
    assert fits([*counts[large], counts[~large].sum()], [*expected[large], expected[~large].sum() + 1e-12])
    assert ec.max() > 4000 or exponent == 2.0


def test_thousands_of_creditors_cost_nothing_until_somebody_asks_them():
    """100,000 ECs with a station each and one cart: the run has as many events as with one EC."""
    few = run("ecs.ec.count=1", "ecs.ec.workers=1", record=())
    many = run("ecs.ec.count=100000", "ecs.ec.workers=1", record=())
    assert many.events == few.events
    assert rows(many, "carts")[0].ending == "paid"


def test_amounts_follow_their_law_in_whole_cents():
    """Exponential with mean 40 EUR: in ten classes of equal probability, -40 ln(1 - k / 10) EUR apart."""
    records = run(*MANY, "cart.amount={exponential: {mean: 40 EUR}}", record=())
    cents = records.tables["payments"]["amount_cents"]
    assert cents.dtype == np.int64
    edges = [-4000 * np.log(1 - k / 10) for k in range(1, 10)]
    assert fits(np.bincount(np.searchsorted(edges, cents), minlength=10), np.ones(10))


def test_no_notice_is_worth_nothing():
    """Amounts far below a cent (mean 0.001 EUR): every notice is a cent at least."""
    records = run(*MANY, "cart.amount={exponential: {mean: 0.001 EUR}}", record=())
    assert records.tables["payments"]["amount_cents"].min() == 1


def test_the_default_amounts_have_the_published_mean_and_median():
    """Press figures: median 50-75 EUR, mean near 200 EUR. The default is lognormal with median 65 EUR and sigma 1.5.

    Its mean is 65 exp(1.5^2 / 2) = 200.2 EUR. The median of 4000 draws lies within 4 standard errors,
    65 sigma sqrt(pi / 2) / sqrt(4000) = 1.93 EUR each: false alarm 0.006%.
    """
    records = run(*MANY, cart={}, record=())
    assert 65 * exp(1.5**2 / 2) == pytest.approx(200.2, abs=0.1)
    assert np.median(records.tables["payments"]["amount_cents"]) / 100 == pytest.approx(65, abs=4 * 1.93)


def test_notices_of_a_cart_have_their_own_creditors_and_amounts():
    """A cart of 5 in a world of two equal groups is of one group alone with probability 1/16 only.

    Of 4000 carts between 180 and 325 are, 250 plus or minus 4.8 standard deviations: false alarm below 0.001%.
    """
    ecs = [{**EC, "share": 0.5}, {**EC, "name": "other", "share": 0.5}]
    records = run(*MANY, "cart={notices: {5: 1}, amount: {exponential: {mean: 40 EUR}}}", ecs=ecs, record=())
    payments = records.tables["payments"]
    groups = payments["ec_group"].reshape(-1, 5)
    alone = (groups == groups[:, :1]).all(axis=1).sum()
    assert 180 < alone < 325
    assert (np.diff(np.sort(payments["amount_cents"].reshape(-1, 5), axis=1), axis=1) > 0).mean() > 0.99
