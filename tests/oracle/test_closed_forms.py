"""Figures of uncongested scenarios in closed form, against the simulator's own intervals.

Every formula is derived in its test's docstring from the rules (R1-R16) and the ends of calls of the design, not from
the code. Stations are unlimited and carts arrive evenly, so that a replication has exactly rate x window carts and the
only chance is in what happens to each of them.

A scenario is compared in m figures, each with the simulator's own interval at confidence 1 - 1% / m over 12
replications: a correct simulator fails one scenario with probability 1% at most (Bonferroni). Seeds are fixed, so the
result does not change from run to run. Each half-width must also be small enough to tell a wrong formula: at most a
quarter of the truth, or one percentage point where the truth is small.
"""

from math import erf, exp, log, sqrt

import pytest
from model.worlds import EC, PSP, summary, world

from sim.analysis.intervals import Estimate

REPLICATIONS = 12
CARTS = 1000
MANY = ("run.window=500 s", "arrivals.rate=2/s")
"""A cart every 0.5 s for 500 s: 1000 carts per replication."""
SANP, NODO = "sanp-3.6.1", "nodo-observed"
FALSE_ALARM = 0.01


def agree(loaded, truths):
    """Hold the truths of a scenario against its intervals; a key may be `metric`, or `dimension/group/metric`."""
    found = summary(loaded, REPLICATIONS, 1 - FALSE_ALARM / len(truths))
    wrong = []
    for key, truth in truths.items():
        dimension, _, rest = key.partition("/")
        group, _, metric = rest.partition("/")
        estimate = found.by[dimension][group][metric] if rest else found.metrics[key]
        if not holds(estimate, truth):
            wrong.append(f"{key} is {truth:.6g}, the simulator says {estimate}")
    assert not wrong, "\n".join(wrong)


def holds(estimate: Estimate, truth: float) -> bool:
    """Tell whether an interval covers the truth and could have missed a wrong one."""
    rounding = 1e-9 * max(1.0, abs(truth))
    covers = estimate.low - rounding <= truth <= estimate.high + rounding
    narrow = estimate.half_width <= max(0.25 * abs(truth), 0.01)
    return covers and narrow


def exponential(mean, t):
    """Return P(T <= t)."""
    return 1 - exp(-t / mean) if t > 0 else 0.0


def lognormal(median, sigma, t):
    """Return P(T <= t)."""
    return 0.5 * (1 + erf(log(t / median) / sigma / sqrt(2))) if t > 0 else 0.0


def test_siblings_of_a_failed_activation_and_abandoned_carts_expire():
    """R2: p = 5% of activations get a KO of the EC, a = 10% of citizens leave once all tokens are there.

    A cart of n notices issues n (1 - p) tokens on average. All n are issued with probability (1 - p)^n; otherwise
    those that were issued expire: n (1 - p) - n (1 - p)^n tokens. Of the whole carts a share a expires too. The
    rest is paid: delays are constant, and the outcome comes 1.1 s after the acceptance (R9).
    """
    p, a, shares = 0.05, 0.10, {1: 0.5, 2: 0.3, 5: 0.2}
    issued = sum(w * n * (1 - p) for n, w in shares.items())
    whole = sum(w * n * (1 - p) ** n for n, w in shares.items())
    loaded = world(
        *MANY,
        "citizen.abandon=10%",
        "ecs.ec.paGetPayment.ends={ko: 5%}",
        cart={"notices": shares, "amount": "50 EUR"},
    )
    agree(
        loaded,
        {
            "token_expiry_rate": (issued - whole + a * whole) / issued,
            "cause/activation_failed/token_expiry_rate": (issued - whole) / issued,
            "cause/abandoned/token_expiry_rate": a * whole / issued,
            "cart_size/5/token_expiry_rate": 1 - (1 - a) * (1 - p) ** 4,
            "activation_failure_rate": p,
            "authorised_count": CARTS * (1 - a) * whole,
            "paid_share": (1 - a) * sum(w * (1 - p) ** n for n, w in shares.items()),
            "reversal_rate": 0.0,
            "tnspo_strict": 1.0,
        },
    )


def test_a_citizen_who_comes_back_at_once_meets_the_tokens_of_the_try_before():
    """R2 and R3: carts of 2, p = 30% of the ECs' answers are KO, r = 80% come back after 60 s, up to 3 tries.

    Tokens live for 30 min, so a notice whose token was issued in an earlier try answers PPT_PAGAMENTO_IN_CORSO. With q
    = 1 - p a try that finds no open token succeeds with probability q^2, leaves one token with 2 p q and none with p^2;
    one that finds a token always fails, and issues the other one with probability q. Summed over tries, weighted
    with r^k for having come back:

        succeed  q^2 (1 + r p^2 + r^2 p^4)
        fail the 1st try  f1 = 1 - q^2,   the 1st and the 2nd  f2 = p^2 (1 - q^2) + 2 p q
        issued   2q + r (p^2 2q + 2pq q) + r^2 (p^4 2q + b q)   where b = p^2 2pq + 2pq p has one token at the 3rd try
        refused as in course  r 2pq + r^2 (b + 2 2pq q)

    Every token issued expires but the two of a cart that succeeds.
    """
    p, r = 0.3, 0.8
    q = 1 - p
    succeed = q**2 * (1 + r * p**2 + r**2 * p**4)
    tries = 1 + r * (1 - q**2) + r**2 * (p**2 * (1 - q**2) + 2 * p * q)
    one_left = p**2 * 2 * p * q + 2 * p * q * p
    issued = 2 * q + r * (p**2 * 2 * q + 2 * p * q * q) + r**2 * (p**4 * 2 * q + one_left * q)
    in_course = r * 2 * p * q + r**2 * (one_left + 2 * 2 * p * q * q)
    loaded = world(
        *MANY,
        "cart.notices={2: 1}",
        "ecs.ec.paGetPayment.ends={ko: 30%}",
        "citizen.retry={probability: 80%, max_tries: 3, wait: 60 s}",
    )
    agree(
        loaded,
        {
            "token_expiry_rate": (issued - 2 * succeed) / issued,
            "tries": tries,
            "paid_share": succeed,
            "cause/PPT_PAGAMENTO_IN_CORSO/activation_failure_rate": in_course / (2 * tries),
            "reversal_rate": 0.0,
        },
    )


def test_a_citizen_who_comes_back_after_expiry_starts_afresh():
    """As above, but the citizen waits for an hour: the tokens have expired (R15), and every try is like the first.

    A try fails with f = 1 - q^2; tries are 1 + r f + r^2 f^2 on average, of which q^2 succeed, and 2q tokens are
    issued in each.
    """
    p, r = 0.3, 0.8
    q = 1 - p
    tries = 1 + r * (1 - q**2) + (r * (1 - q**2)) ** 2
    loaded = world(
        *MANY,
        "cart.notices={2: 1}",
        "ecs.ec.paGetPayment.ends={ko: 30%}",
        "citizen.retry={probability: 80%, max_tries: 3, wait: 1 h}",
    )
    agree(loaded, {"token_expiry_rate": 1 - q, "tries": tries, "paid_share": tries * q**2, "reversal_rate": 0.0})


@pytest.mark.parametrize("preset", [SANP, NODO])
def test_each_end_of_the_notification_has_its_own_fate(preset):
    """R5-R10: the ends of pspNotifyPaymentV2 with known shares, lost and KO outcomes, exponential delays.

    An outcome is good with g = (1 - lost) (1 - ko): it is sent, and OK. The PSP has booked the payment after ok,
    lost_reply, a share of malformed ("done") and, if it books late, of hang; what it booked is paid when the outcome is
    good, for no outcome is so late as to meet the deadline (mean 1.5 s against half an hour: e^-1000). So

        paid = g (ok + lost_reply + malformed done + hang books)

    KO is reversed at once (R6). Text: all the rest waits for the tokens' end, and expires (R7, and R10 for an outcome
    KO). Observed: unreachable is reversed at once; what was accepted and has no good outcome stays, for a
    manual check; the other technical exceptions expire. The clock of the 2 s runs for accepted payments: in time when
    the outcome, OK or KO, is sent and its delay is at most 2 s, as both directions of the link take 30 ms. The
    official formula counts only what came late. Every authorised payment has on average 40 EUR.
    """
    ko, malformed, unreachable, lost_request, lost_reply, hang = 0.06, 0.05, 0.04, 0.05, 0.06, 0.04
    done, books, lost, outcome_ko = 0.4, 0.5, 0.08, 0.05
    ok = 1 - ko - malformed - unreachable - lost_request - lost_reply - hang
    good = (1 - lost) * (1 - outcome_ko)
    paid = good * (ok + lost_reply + malformed * done + hang * books)
    at_once = ko if preset == SANP else ko + unreachable
    waits = 0.0 if preset == SANP else ok * (1 - good)
    expired = 1 - paid - at_once - waits
    in_time = exponential(1.5, 2)
    truths = {
        "token_expiry_rate": expired,
        "cause/outcome_missing_unknown/token_expiry_rate": expired - (ok * (1 - good) if preset == SANP else 0),
        "reversal_rate": at_once + expired,
        "cause/psp_refused/reversal_rate": ko,
        "cause/token_expired/reversal_rate": expired,
        "reversal_count": CARTS * (at_once + expired),
        "reversal_eur": CARTS * (at_once + expired) * 40,
        "debited_without_receipt": waits,
        "paid_share": paid,
        "tnspo_strict": (1 - lost) * in_time,
        "tnspo_official": 1 - (1 - lost) * (1 - in_time),
    }
    if preset == SANP:
        truths["cause/outcome_missing_accepted/token_expiry_rate"] = ok * (1 - good)
    else:
        truths["cause/psp_unreachable/reversal_rate"] = unreachable
    ends = f"{{ko: {ko}, malformed: {{probability: {malformed}, done: {done}}}, unreachable: {unreachable}, "
    ends += f"lost_request: {lost_request}, lost_reply: {lost_reply}, hang: {hang}}}"
    loaded = world(
        *MANY,
        f"protocol.preset={preset}",
        f"psps.psp.pspNotifyPaymentV2.ends={ends}",
        "psps.psp.outcome_delay={exponential: {mean: 1.5 s}}",
        f"psps.psp.outcome_lost={lost}",
        f"psps.psp.outcome_ko={outcome_ko}",
        f"psps.psp.books_after_hang={books}",
        "psps.psp.outcome_after_ko=50%",
        "cart.amount={exponential: {mean: 40 EUR}}",
    )
    agree(loaded, truths)


@pytest.mark.parametrize("preset", [SANP, NODO])
def test_outcomes_slower_than_the_token_are_late(preset):
    """R13 and R15: lognormal outcome delays, median 300 s and sigma 1, against tokens of 10 min and a sweep a minute.

    The cart that arrives at a has its token at a + 0.65 s, which ends 600 s later, and is cancelled at the first whole
    minute S after that. Its outcome, if it is not among the 10% lost, reaches the Node at a + 61.43 s + delay. So the
    share that is late is the mean of 1 - F(S - a - 61.43) over the carts, whose arrivals are known.
    Observed: an accepted payment does not expire; what has no outcome stays for a manual check.
    """
    arrivals = [(n + 0.5) / 2 for n in range(CARTS)]
    sweeps = [60 * ((a + 600.65) // 60 + 1) for a in arrivals]
    slower = sum(1 - lognormal(300, 1, s - a - 61.43) for a, s in zip(arrivals, sweeps, strict=True)) / CARTS
    late, missing = 0.9 * slower, 0.1
    in_time = lognormal(300, 1, 2)
    truths = {
        "token_expiry_rate": late + missing,
        "cause/outcome_late/token_expiry_rate": late,
        "cause/outcome_missing_accepted/token_expiry_rate": missing,
        "reversal_rate": late + missing,
        "reversal_eur": CARTS * (late + missing) * 50,
    }
    if preset == NODO:
        truths = {"token_expiry_rate": 0.0, "reversal_rate": 0.0, "debited_without_receipt": missing}
    truths["tnspo_strict"] = 0.9 * in_time
    truths["tnspo_official"] = 1 - 0.9 * (1 - in_time)
    loaded = world(
        *MANY,
        f"protocol.preset={preset}",
        "protocol.token_validity=10 min",
        "psps.psp.outcome_delay={lognormal: {median: 300 s, sigma: 1}}",
        "psps.psp.outcome_lost=10%",
    )
    agree(loaded, truths)


def test_ways_out_before_the_close_leave_no_money_and_only_silence_expires():
    """R4: a = 10% leave silently, c = 15% of the others cancel, d = 20% of the rest are denied, half of whom return.

    A close KO frees the notice at once, so a denied citizen who comes back starts afresh. A try leads to another one
    with f = (1 - a) (1 - c) d r and is authorised with (1 - a) (1 - c) (1 - d); there are 1 + f + f^2 + f^3 tries
    at most four. Only silence leaves a token to expire: a share a of the tokens. No money is ever given back.
    """
    a, c, d, r = 0.10, 0.15, 0.20, 0.5
    again = (1 - a) * (1 - c) * d * r
    tries = 1 + again + again**2 + again**3
    authorised = (1 - a) * (1 - c) * (1 - d) * tries
    loaded = world(
        *MANY,
        "cart.notices={1: 0.5, 3: 0.5}",
        "citizen.abandon=10%",
        "citizen.cancel=15%",
        "checkout.authorisation.denied=20%",
        "citizen.retry={probability: 50%, max_tries: 4, wait: 1 s}",
    )
    agree(
        loaded,
        {
            "token_expiry_rate": a,
            "cause/abandoned/token_expiry_rate": a,
            "tries": tries,
            "authorised_count": CARTS * 2 * authorised,
            "authorised_eur": CARTS * 2 * authorised * 50,
            "paid_share": authorised,
            "not_paid_share": 1 - authorised,
            "reversal_rate": 0.0,
        },
    )


@pytest.mark.parametrize("preset", [SANP, NODO])
def test_a_lossy_link_between_checkout_and_the_node(preset):
    """Each message between Checkout and the Node is lost with q = 30%: 3 activations, 4 closes, 7 results.

    A request and its reply both arrive with (1 - q)^2; let x = 1 - (1 - q)^2. An activation fails when none of 3 sends
    is answered, x^3; the Node issued the token (once: R14) unless no request arrived, q^3. So 1 - q^3 tokens are
    issued, and x^3 - q^3 of them expire because Checkout never heard of them.
    A close never arrives with q^4: the token expires. In the text Checkout then reverses, also where it heard no
    close answered (x^4) and none of the 7 results (q^7), although that cart is paid; as observed such money waits.
    """
    q = 0.3
    x = 1 - (1 - q) ** 2
    activated, undelivered, unheard = 1 - x**3, q**4, (x**4 - q**4) * q**7
    reverses = preset == SANP
    loaded = world(
        *MANY,
        f"protocol.preset={preset}",
        "links.checkout_node.loss=30%",
    )
    agree(
        loaded,
        {
            "token_expiry_rate": (x**3 - q**3 + activated * undelivered) / (1 - q**3),
            "cause/activation_failed/token_expiry_rate": (x**3 - q**3) / (1 - q**3),
            "cause/close_not_delivered/token_expiry_rate": activated * undelivered / (1 - q**3),
            "cause/transport/activation_failure_rate": q**3,
            "authorised_count": CARTS * activated,
            "reversal_rate": undelivered + unheard if reverses else 0.0,
            "debited_without_receipt": 0.0 if reverses else undelivered,
            "paid_share": activated * (1 - undelivered) * (1 - q**7),
            "tnspo_strict": 1.0,
        },
    )


@pytest.mark.parametrize("preset", [SANP, NODO])
def test_a_lossy_link_between_the_node_and_the_psp(preset):
    """Each message between the Node and the PSP is lost with q = 25%; 5 sends of the outcome, delay of mean 1 s.

    The notification does not arrive with q; otherwise the PSP books, and accepts as far as the Node knows with
    (1 - q)^2. At least one of 5 outcomes arrives with 1 - q^5, the k-th 30, 90, 210 and 450 s after the first (15 s
    timeout and 15 s x (2^k - 1) each): always before the tokens' end. Only the first can be in time.
    Paid are (1 - q) (1 - q^5). In the text all the rest expires; as observed, not what was accepted.
    """
    q, sends = 0.25, (0, 30, 90, 210, 450)
    arrives = 1 - q**5
    paid, accepted = (1 - q) * arrives, (1 - q) ** 2
    expired = 1 - paid - (accepted * q**5 if preset == NODO else 0)
    in_time = (1 - q) * exponential(1, 2)
    loaded = world(
        *MANY,
        f"protocol.preset={preset}",
        "links.node_psp.loss=25%",
        "psps.psp.outcome_delay={exponential: {mean: 1 s}}",
    )
    agree(
        loaded,
        {
            "token_expiry_rate": expired,
            "reversal_rate": expired,
            "reversal_eur": CARTS * expired * 50,
            "paid_share": paid,
            "tnspo_strict": in_time,
            "tnspo_official": 1 - (arrives - in_time),
            "outcome_delay": 1 + sum(t * (1 - q) * q**k for k, t in enumerate(sends)) / arrives,
        },
    )


def test_reversals_are_tried_again_and_receipts_sent_again():
    """R6, R11: 20% psp KO; the gateway fails with f = 30%, 5 retries 600 s x k later; ECs lose and refuse receipts.

    A reversal succeeds at try k = 1..6 with f^(k-1) (1 - f), k gateway times (mean 2 s) and 600 (1 + .. + k - 1) s
    after it was asked for, 0.78 s after the authorisation (61.44 - 60.66); f^6 are left to a manual check.
    A send of a receipt is unreachable with v = 20%, loses its reply with w = 20% and is refused with u = 10%. Only ok
    and KO are final, so there are 1 / (1 - v - w) sends (the limit of 49 is out of reach: 0.4^49). The EC has
    done the work, now or in a send before, unless the first send that was neither unreachable was a KO: u / (1 - v).
    """
    refused, f, u, v, w = 0.2, 0.3, 0.1, 0.2, 0.2
    given_back = 1 - f**6
    delay = sum(f ** (k - 1) * (1 - f) * (2 * k + 300 * k * (k - 1)) for k in range(1, 7)) / given_back
    loaded = world(
        *MANY,
        "psps.psp.pspNotifyPaymentV2.ends={ko: 20%}",
        "checkout.refund={time: {exponential: {mean: 2 s}}, failure: 30%}",
        f"ecs.ec.paSendRT.ends={{ko: {u}, unreachable: {v}, lost_reply: {w}}}",
    )
    agree(
        loaded,
        {
            "token_expiry_rate": 0.0,
            "reversal_rate": refused,
            "reversal_delay": 0.78 + delay,
            "receipt_sends": 1 / (1 - v - w),
            "tsrt": 1 - v - w,
            "receipt_pending_share": 0.0,
            "debited_without_receipt": refused * f**6 + (1 - refused) * u / (1 - v),
            "tnspo_strict": 1.0,
        },
    )


def test_response_times_beyond_the_timeout_fail_the_activation_but_not_the_payment():
    """R2, R7: carts of 2; paGetPayment lognormal, median 1 s, sigma 1.2; pspNotifyPaymentV2 exponential, mean 3 s.

    The Node gives an EC 7 s, 40 ms of which the link takes: an activation fails with p = 1 - F(6.96), and its sibling
    expires, 2 (1 - p) p of the 2 (1 - p) tokens issued. It gives a PSP 7 s, of which 6.94 s for the work; what takes
    longer is booked all the same, and its outcome pays it (R7), so nothing is reversed. Answers within 2 s have 1.96 s
    and 1.94 s for the work; the official TPNP counts only answers that came late.
    """
    p = 1 - lognormal(1, 1.2, 6.96)
    loaded = world(
        *MANY,
        "cart.notices={2: 1}",
        ecs=[{**EC, "paGetPayment": {"time": {"lognormal": {"median": "1 s", "sigma": 1.2}}}}],
        psps=[{**PSP, "pspNotifyPaymentV2": {"time": {"exponential": {"mean": "3 s"}}}}],
    )
    agree(
        loaded,
        {
            "token_expiry_rate": p,
            "cause/PPT_STAZIONE_INT_PA_TIMEOUT/activation_failure_rate": p,
            "paid_share": (1 - p) ** 2,
            "reversal_rate": 0.0,
            "tgp": lognormal(1, 1.2, 1.96),
            "tpnp": 1 - (exponential(3, 6.94) - exponential(3, 1.94)),
            "tnspo_strict": 1.0,
        },
    )
