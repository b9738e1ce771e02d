"""The idiomatic model is a fair opponent only if it does the same work: both models must say the same of one scenario.

They share no random numbers, so that they agree only statistically. Each runs the benchmark's scenario ten times; a
figure is one number per replication, and the difference of the two means is held against its own 99% interval (Welch:
Student's t, unequal variances). Two models that do the same differ by more with probability 1% per figure, so that any
of the ten fails with probability 10% at most. Seeds 0 to 9 were the first that were tried. An interval must also be
narrow enough to tell models that differ by the share `POWER` of the figure.
"""

import numpy as np
from scipy import stats

from benchmarks.idiomatic import Model, counts
from benchmarks.measure import SCENARIO
from sim.model.run import replicate
from sim.records import ANSWERS, CANCEL_CAUSES, EXPIRY_CAUSES
from sim.scenario.load import load

CONFIDENCE = 0.99
REPLICATIONS = range(10)
WORLD = load(SCENARIO, ["run.window=300 s"])
"""About 4,000 payments: 10 carts a second of 1.35 notices each, for 300 s."""

POWER = {
    "payments": 0.04,
    "expired per token": 0.15,
    "authorised per token": 0.015,
    "reversed per authorised": 0.30,
    "accepted per authorised": 0.01,
    "within 2 s per accepted": 0.01,
    "seconds to a token": 0.05,
    "seconds to an answer of the PSP": 0.10,
    "seconds from close to paid": 0.05,
    "seconds from notification to receipt": 0.05,
}


def figures(payments):
    """Return what is compared, of the payments of one replication: arrays by name, NaN where it never happened."""
    p = payments
    tokens, authorised, paid = (~np.isnan(p[moment]) for moment in ("issued_s", "authorised_s", "paid_s"))
    accepted = p["accepted"]
    found = (
        len(tokens),
        p["expired"].sum() / tokens.sum(),
        authorised.sum() / tokens.sum(),
        (~np.isnan(p["reversal_requested_s"])).sum() / authorised.sum(),
        accepted.sum() / authorised.sum(),
        (p["outcome_s"] - p["answered_s"] <= 2.0)[accepted].mean(),
        (p["issued_s"] - p["requested_s"])[tokens].mean(),
        (p["answered_s"] - p["notified_s"])[accepted].mean(),
        (p["paid_s"] - p["closed_s"])[paid].mean(),
        np.nanmedian(p["receipt_s"] - p["notified_s"]),
    )
    return dict(zip(POWER, found, strict=True))


def of_simulator(replication):
    """Return the figures of one replication of the simulator."""
    payments = dict(replicate(WORLD, replication).tables["payments"])
    payments["accepted"] = payments["notify_answer"] == ANSWERS.index("ok")
    payments["expired"] = np.isin(payments["cancel_cause"], [CANCEL_CAUSES.index(cause) for cause in EXPIRY_CAUSES])
    return figures(payments)


def of_idiomatic(seed):
    """Return the figures of one run of the idiomatic model."""
    records = ran(seed).records
    moments = [name for name in records[0] if name.endswith("_s")]
    payments = {name: np.array([each[name] for each in records], dtype=float) for name in moments}
    payments["accepted"] = np.array([each["notify_answer"] == "ok" for each in records])
    payments["expired"] = np.array([each["status"] == "expired" for each in records])
    return figures(payments)


def ran(seed):
    """Run the idiomatic model to its end."""
    model = Model(WORLD.scenario, seed)
    model.run()
    return model


def test_both_models_say_the_same():
    """Every difference of means lies within its 99% interval, which is narrow enough to mean something.

    One test for all figures, so that parallel workers do not each run both models.
    """
    ours, theirs = [of_simulator(n) for n in REPLICATIONS], [of_idiomatic(n) for n in REPLICATIONS]
    wrong = []
    for figure, power in POWER.items():
        one, other = (np.array([each[figure] for each in side]) for side in (ours, theirs))
        interval = stats.ttest_ind(one, other, equal_var=False).confidence_interval(CONFIDENCE)
        said = f"{figure}: simulator {one.mean():.5g}, idiomatic {other.mean():.5g}, difference in {interval}"
        if not interval.low <= 0 <= interval.high:
            wrong.append(said)
        if interval.high - interval.low > 2 * power * other.mean():
            wrong.append(f"{said} says too little")
    assert not wrong, "\n".join(wrong)


def test_the_idiomatic_model_keeps_its_own_books():
    """Every payment has one record; what was paid has a receipt; what was authorised and not paid was given back."""
    model = ran(seed=10)
    names = [(each["cart"], each["notice"]) for each in model.records]
    assert len(set(names)) == len(names) > 3000
    assert not model.unsettled
    assert not model.open
    for each in model.records:
        assert (each["paid_s"] is None) == (each["receipt_s"] is None)
        assert (each["authorised_s"] is not None) == (
            each["paid_s"] is not None or each["reversal_requested_s"] is not None
        )
    count = counts(model.records)
    assert count["payments"] == len(names)
    assert count["paid"] + count["reversed"] == count["authorised"]
