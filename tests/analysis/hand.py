"""Records made by hand: thirteen carts whose every figure can be worked out on paper.

Window 100 s to 1100 s. PSPs are `psp-a` and `psp-b`, EC groups are `g` and `h`. One line per activation; times in
seconds, `+` is relative to the token's issue. Cart 0 arrived in the warm-up and must not count anywhere but among the
tokens that are open.

    cart try notice of  psp group  EUR  token and money
     0   0   0      1   a   g       9   issued 50, expired (abandoned) 1900
     1   0   0      1   a   g     100   issued 101, authorised 110, accepted 112, outcome and PAID 113.5, receipt 114.5
     2   0   0      2   a   g      30   issued 201, authorised 210, accepted 212, outcome and PAID 216, receipt 217
     2   0   1      2   a   h      70   as its sibling; three sends of the receipt, none delivered
     3   0   0      1   b   h      50   issued 301, expired (abandoned) +1860
     4   0   0      2   b   g      20   issued 401, expired (activation_failed) +1800
     4   0   1      2   b   g      40   the EC did not answer in time
     4   1   0      2   b   g      20   refused: the first try's token is open
     4   1   1      2   b   g      40   issued 421, expired (activation_failed) +1800
     5   0   0      1   b   g     200   issued 501, authorised 510, refused and cancelled 512, reversed 513 to 516
     6   0   0      1   b   h      80   issued 601, authorised 610, timeout 618, expired +1800, reversed 2402 to 2404
     7   0   0      1   a   h      60   issued 701, authorised 710, accepted 712, expired +1800, outcome 2600, its
                                        reversal asked for 2502 never succeeds
     8   0   0      1   b   g      10   issued 801, authorised 810, accepted 812, and nothing more
     9   0   0      1   a   g      90   issued 901, cancelled by the citizen +30
    10   0   0      1   a   h      25   issued 1001, authorised 1010, outcome 1011.9 before the acceptance 1012, PAID
                                        1012, receipt 1013, and reversed 1015 to 1020 all the same
    11   0   0      1   a   g      40   issued 1051, authorised 1060, malformed 1062, outcome and PAID 1064, receipt
                                        1066 at the second send
    12   0   0      1   b   h      15   issued 1066, authorised 1070, unreachable and cancelled 1071, reversed 1072 to
                                        1075

Only tests may import it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim.protocol.primitives import PRIMITIVES as CALLS
from sim.records import LIMITS_MS, TABLES, Column, Records

WINDOW_S = (100.0, 1100.0)
NAMES: Mapping[str, tuple[str, ...]] = {
    "psp": ("psp-a", "psp-b"),
    "ec_group": ("g", "h"),
    "primitive": tuple(p.name for p in CALLS),
    "counterpart": ("psp-a", "psp-b", "g", "h"),
    "station": ("node", "psps.psp-a"),
}


def payment(cart: int, size: int, psp: str, group: str, eur: int, **columns: Any) -> dict[str, Any]:
    """Return one activation; columns not named are empty."""
    return {
        "cart": cart, "cart_size": size, "psp": f"psp-{psp}", "ec_group": group, "amount_cents": 100 * eur,
        "measured": cart > 0, **columns,
    }  # fmt: skip


def _done(accepted: float, outcome: float, receipt: float | None = None, **columns: Any) -> dict[str, Any]:
    paid = max(accepted, outcome)
    return {
        "closed_s": accepted - 1, "notified_s": accepted - 1, "answered_s": accepted, "notify_answer": "ok",
        "outcome_s": outcome, "paid_s": paid, "receipt_sends": 1, "status": "NOTIFIED", "place": "receipted",
        **({} if receipt is None else {"receipt_s": receipt}), **columns,
    }  # fmt: skip


def _reversal(cause: str, asked: float, done: float | None = None, **columns: Any) -> dict[str, Any]:
    back = {"place": "manual_check"} if done is None else {"place": "reversed", "reversed_s": done}
    return {"reversal_cause": cause, "reversal_requested_s": asked, "reversal_tries": 1, **back, **columns}


def _cancelled(cause: str, at: float) -> dict[str, Any]:
    return {"cancel_cause": cause, "cancelled_s": at, "status": "CANCELLED"}


PAYMENTS: Sequence[Mapping[str, Any]] = (
    payment(0, 1, "a", "g", 9, issued_s=50, **_cancelled("abandoned", 1900)),
    payment(1, 1, "a", "g", 100, issued_s=101, authorised_s=110, **_done(112, 113.5, 114.5)),
    payment(2, 2, "a", "g", 30, issued_s=201, authorised_s=210, **_done(212, 216, 217)),
    payment(
        2, 2, "a", "h", 70, notice=1, issued_s=201, authorised_s=210,
        **_done(212, 216, place="pending_receipt", receipt_sends=3, status="NOTICE_SENT"),
    ),
    payment(3, 1, "b", "h", 50, issued_s=301, **_cancelled("abandoned", 2161)),
    payment(4, 2, "b", "g", 20, issued_s=401, **_cancelled("activation_failed", 2201)),
    payment(4, 2, "b", "g", 40, notice=1, fault="PPT_STAZIONE_INT_PA_TIMEOUT"),
    payment(4, 2, "b", "g", 20, attempt=1, fault="PPT_PAGAMENTO_IN_CORSO"),
    payment(4, 2, "b", "g", 40, attempt=1, notice=1, issued_s=421, **_cancelled("activation_failed", 2221)),
    payment(
        5, 1, "b", "g", 200, issued_s=501, authorised_s=510, notified_s=511, answered_s=512, notify_answer="ko",
        **_cancelled("psp_refused", 512), **_reversal("psp_refused", 513, 516),
    ),
    payment(
        6, 1, "b", "h", 80, issued_s=601, authorised_s=610, notified_s=611, answered_s=618, notify_answer="timeout",
        **_cancelled("outcome_missing_unknown", 2401), **_reversal("token_expired", 2402, 2404),
    ),
    payment(
        7, 1, "a", "h", 60, issued_s=701, authorised_s=710, notified_s=711, answered_s=712, notify_answer="ok",
        outcome_s=2600, **_cancelled("outcome_late", 2501), **_reversal("token_expired", 2502),
    ),
    payment(
        8, 1, "b", "g", 10, issued_s=801, authorised_s=810, notified_s=811, answered_s=812, notify_answer="ok",
        status="PAYMENT_ACCEPTED", place="manual_check",
    ),
    payment(9, 1, "a", "g", 90, issued_s=901, **_cancelled("user_cancelled", 931)),
    payment(
        10, 1, "a", "h", 25, issued_s=1001, authorised_s=1010,
        **(_reversal("close_not_delivered", 1015, 1020) | _done(1012, 1011.9, 1013)),
    ),
    payment(
        11, 1, "a", "g", 40, issued_s=1051, authorised_s=1060,
        **_done(1062, 1064, 1066, notify_answer="malformed", receipt_sends=2),
    ),
    payment(
        12, 1, "b", "h", 15, issued_s=1066, authorised_s=1070, notified_s=1070.5, answered_s=1071,
        notify_answer="unreachable", **_cancelled("psp_unreachable", 1071), **_reversal("psp_unreachable", 1072, 1075),
    ),
)  # fmt: skip


def cart(number: int, size: int, psp: str, waited: float, ending: str, **columns: Any) -> dict[str, Any]:
    """Return one cart; it was tried once, unless said otherwise."""
    return {
        "cart": number, "cart_size": size, "psp": f"psp-{psp}", "waited_s": waited, "ending": ending, "tries": 1,
        "arrived_s": 100.0 * number + 1, "measured": number > 0, **columns,
    }  # fmt: skip


CARTS: Sequence[Mapping[str, Any]] = (
    cart(0, 1, "a", 500, "not_paid"),
    cart(1, 1, "a", 2, "paid", redirected_s=113.6, settled_s=113.6),
    cart(2, 2, "a", 4, "paid", redirected_s=216.1, settled_s=216.1),
    cart(3, 1, "b", 1, "not_paid"),
    cart(4, 2, "b", 9, "not_paid", tries=2, redirected_s=430, settled_s=430),
    cart(5, 1, "b", 3, "not_paid", redirected_s=513, settled_s=513),
    cart(6, 1, "b", 31, "not_paid", redirected_s=640, settled_s=2402),
    cart(7, 1, "a", 5, "not_paid", redirected_s=740, settled_s=2504),
    cart(8, 1, "b", 31, "unknown", redirected_s=840),
    cart(9, 1, "a", 1, "not_paid", redirected_s=931, settled_s=931),
    cart(10, 1, "a", 2, "paid", redirected_s=1012.1, settled_s=1012.1),
    cart(11, 1, "a", 4, "paid", redirected_s=1064.1, settled_s=1064.1),
    cart(12, 1, "b", 3, "not_paid", redirected_s=1072, settled_s=1072),
)


def calls(primitive: str, counterpart: str, answer: str, count: int, over_2_s: int = 0) -> dict[str, Any]:
    """Return calls with one answer; all of them took more than 300 ms and none more than 400 ms unless over 2 s."""
    over = {f"over_{ms}_ms": count if ms == 300 else over_2_s for ms in LIMITS_MS}
    return {"primitive": primitive, "counterpart": counterpart, "answer": answer, "count": count, **over}


PRIMITIVES: Sequence[Mapping[str, Any]] = (
    calls("pspNotifyPaymentV2", "psp-a", "ok", 6, over_2_s=1),
    calls("pspNotifyPaymentV2", "psp-a", "malformed", 1),
    calls("pspNotifyPaymentV2", "psp-b", "ok", 1),
    calls("pspNotifyPaymentV2", "psp-b", "ko", 1, over_2_s=1),
    calls("pspNotifyPaymentV2", "psp-b", "timeout", 1, over_2_s=1),
    calls("pspNotifyPaymentV2", "psp-b", "unreachable", 1),
    calls("paGetPayment", "g", "ok", 9, over_2_s=1),
    calls("paGetPayment", "g", "timeout", 1, over_2_s=1),
    calls("paGetPayment", "h", "ok", 6),
    calls("paSendRT", "g", "ok", 3),
    calls("paSendRT", "h", "ok", 1),
    calls("paSendRT", "h", "timeout", 3, over_2_s=3),
)
REFUSALS: Sequence[Mapping[str, Any]] = (
    {"primitive": "activatePaymentNoticeV2", "counterpart": "g", "fault": "PPT_PAGAMENTO_IN_CORSO", "count": 1},
    {"primitive": "activatePaymentNoticeV2", "counterpart": "h", "fault": "PPT_PAGAMENTO_IN_CORSO", "count": 2},
    {"primitive": "sendPaymentOutcomeV2", "counterpart": "psp-a", "fault": "PPT_TOKEN_SCADUTO", "count": 1},
)
STATIONS: Sequence[Mapping[str, Any]] = tuple(
    {
        "station": station,
        "bin_start_s": 100.0 * b,
        "arrivals": 10 if 1 <= b <= 10 else 999,
        "refused": int(b == 5),
        "busy_s": 50.0 if 1 <= b <= 10 else 999.0,
        "waiting_s": 100.0 * b if 1 <= b <= 10 else 999.0,
        "queue_max": 17 if b == 7 else 99 if b > 10 else 3,
        "capacity_s": 200.0 if station == "node" else np.nan,
    }
    for station in NAMES["station"]
    for b in range(26)
)
"""Bins of 100 s; bins 1 to 10 are the window. In bin b the queue is b on average."""


def table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], names: Mapping[str, tuple[str, ...]]) -> Any:
    """Return rows as typed columns: what a row does not say is NaN, 0, false or `none`."""
    found = {}
    for column in columns:
        known = names[column.names] if isinstance(column.names, str) else column.names
        blank: Any = np.nan if column.dtype == "float64" else "none" if known and "none" in known else 0
        values = [row.get(column.name, blank) for row in rows]
        if known:
            values = [known.index(value) if isinstance(value, str) else value for value in values]
        found[column.name] = np.array(values, dtype=column.dtype)
    return found


def records(replication: int = 0, **tables: Sequence[Mapping[str, Any]]) -> Records:
    """Return the records made by hand, with whole tables replaced."""
    rows = {
        "payments": PAYMENTS, "carts": CARTS, "primitives": PRIMITIVES, "refusals": REFUSALS, "stations": STATIONS,
        **tables,
    }  # fmt: skip
    return Records(
        replication, WINDOW_S, 2600.0, NAMES, {name: table(TABLES[name], rows[name], NAMES) for name in rows}, 0
    )
