"""A run as the Node's own event log (RE), so that queries written for the real log run on simulated payments.

A call is a REQ and, if the Node sent or got an answer, a RESP, categoriaEvento INTERFACCIA; a change of status is an
INTERN, CAMBIO_STATO. As in the real log a call for a whole cart has rows for each of its payments, under one
sessionId, which the changes have that it brings about. Of changes, those of a position have no paymentToken, and those
of a receipt have no canale. Identifiers are made from the seed and the payment: the same run gives the same log. The
run begins on 1 January 2024, at the scenario's `start_hour`.
Source: pagopa/pagopa-infra, observability (ReEvent and the KPI queries); pagopa/pagopa-nodo-re-to-datastore, samples;
SANP, Giornale degli eventi.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.protocol.faults import FAULTS, Fault
from sim.protocol.primitives import PRIMITIVES
from sim.reader import Columns, PaymentId, Recorded, Window
from sim.report.stories.reasons import SEND_AGAIN, SWEEP, cause, outcome_said

Array = npt.NDArray[Any]
HEADER = (
    "insertedTimestamp", "dataOraEvento", "componente", "categoriaEvento", "sottoTipoEvento", "tipoEvento", "fruitore",
    "erogatore", "idDominio", "iuv", "ccp", "noticeNumber", "creditorReferenceId", "paymentToken", "psp", "canale",
    "stazione", "sessionId", "sessionIdOriginal", "esito", "status", "outcome", "faultCode", "faultDescription",
    "transactionId", "businessProcess", "uniqueId",
)  # fmt: skip
START = np.datetime64("2024-01-01T00:00:00.000")
"""When a run begins."""
NODE, CHECKOUT_PSP, CHECKOUT_CHANNEL = "NodoDeiPagamentiSPC", "AGID_01", "97735020584_09"
"""The Node's name in its log; Checkout is a PSP there, with a channel of its own (eCommerce, helm values)."""
_EMPTY = dict.fromkeys(HEADER, "")
_SIDES = {primitive.name: (primitive.caller, primitive.callee) for primitive in PRIMITIVES}
_AT_ONCE, _REMEMBERED = 2000, 100_000
_REQ, _RESP, _INTERN = range(3)
_CALLED = frozenset(each.name for each in PRIMITIVES if each.callee == "Node")
_BY_CHECKOUT = frozenset({"activatePaymentNoticeV2", "paGetPayment"})
_BEGUN_BY = {
    "paGetPayment": "activatePaymentNoticeV2",
    "pspNotifyPaymentV2": "closePaymentV2",
    "sendPaymentResult-v2": "closePaymentV2",
    "paSendRT": "sendPaymentOutcomeV2",
}
_OF_CART = frozenset({"closePaymentV2", "pspNotifyPaymentV2", "sendPaymentOutcomeV2", "sendPaymentResult-v2"})
_HEARD = ("ok", "ko", "malformed")
Row = dict[str, Any]


def lines(events: Iterable[Row]) -> Iterator[str]:
    """Yield the log as CSV, its header first, many lines at once; nothing at all if the first ones cannot be read."""
    rows = map(itemgetter(*HEADER), events)
    batch = list(islice(rows, _AT_ONCE))
    yield _csv([HEADER, *batch])
    while batch := list(islice(rows, _AT_ONCE)):
        yield _csv(batch)


def _csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def events(
    run: Recorded, replication: int, payment: PaymentId | None = None, window_s: tuple[float, float] | None = None
) -> Iterator[Row]:
    """Yield the events of a replication in order of time: of all payments or of one, in a window or from end to end."""
    payments, calls, states = _tables(run, replication, payment, window_s)
    ids = _Identifiers(run, replication, payments, calls)
    order = _in_order(payments, calls, states)
    if payment is not None:
        mine = ids.keys[order.payment] == _key(payment.cart, payment.attempt, payment.notice)
        order = order.at(np.flatnonzero(mine))
    if window_s is not None:
        order = order.at(np.flatnonzero((order.at_s >= window_s[0]) & (order.at_s < window_s[1])))
    start = START + np.timedelta64(round(3600e3 * run.scenario["arrivals"].get("start_hour", 0.0)), "ms")
    moments = np.datetime_as_string(start + np.rint(order.at_s * 1e3).astype("timedelta64[ms]"), unit="ms")
    for begin in range(0, len(moments), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        told = _told(order.at(some), calls, states, ids)
        for number, (moment, event) in enumerate(zip(moments[some].tolist(), told, strict=True), begin + 1):
            event["insertedTimestamp"] = event["dataOraEvento"] = moment
            event["uniqueId"] = f"{moment[:10]}_{number}"
            yield event


def _tables(
    run: Recorded, replication: int, payment: PaymentId | None, window_s: tuple[float, float] | None
) -> tuple[Columns, Columns, Columns]:
    """Read payments, calls and changes of status, no more than is needed."""
    carts = None if payment is None else (payment.cart, payment.cart)
    called = None if window_s is None else Window("sent_s", ("answered_s", "served_s"), *window_s)
    changed = None if window_s is None else Window("at_s", ("at_s",), *window_s)
    calls = run.columns("calls", replication, carts=carts, window=called)
    states = run.columns("states", replication, carts=carts, window=changed)
    if window_s is not None:
        seen = np.concatenate([calls["cart"], states["cart"], [0] if not len(calls) + len(states) else []])
        carts = int(seen.min()), int(seen.max())
    return run.columns("payments", replication, carts=carts), calls, states


@dataclass(frozen=True, slots=True, eq=False)
class _Order:
    """Events as places: when, of which kind, and the rows of the call or change and of the payment."""

    at_s: Array
    kind: Array
    row: Array
    payment: Array

    def at(self, places: Any) -> "_Order":
        return _Order(self.at_s[places], self.kind[places], self.row[places], self.payment[places])


def _key(cart: Any, attempt: Any, notice: Any) -> Any:
    return (cart * 128 + attempt) * 8 + notice


def _in_order(payments: Columns, calls: Columns, states: Columns) -> _Order:
    """Return all events in order of time.

    At one instant the Node hears, changes and says, in this order: what it says is an effect of what it heard.
    """
    keys = _key(payments["cart"], payments["attempt"], payments["notice"])
    called = np.isin(calls["primitive"], [calls.code("primitive", name) for name in _CALLED])
    answered = np.isin(calls["answer"], [calls.code("answer", name) for name in _HEARD])
    req_s = np.where(called, calls["arrived_s"], calls["sent_s"])
    resp_s = np.where(called, calls["served_s"], np.where(answered, calls["answered_s"], np.nan))
    rows, of_payment = _spread(calls, payments, keys)
    parts = [
        (req_s[rows], _REQ, rows, of_payment, np.where(called, 1, 4)[rows]),
        (resp_s[rows], _RESP, rows, of_payment, np.where(called, 3, 0)[rows]),
    ]
    changed = np.searchsorted(keys, _key(states["cart"], states["attempt"], states["notice"]))
    parts.append((states["at_s"], _INTERN, np.arange(len(states)), changed, np.full(len(states), 2)))
    at_s, row, payment, place = (np.concatenate([part[n] for part in parts]) for n in (0, 2, 3, 4))
    kind = np.concatenate([np.full(len(part[0]), part[1]) for part in parts])
    order = np.lexsort((payment, place, at_s))
    return _Order(at_s, kind, row, payment).at(order[~np.isnan(at_s[order])])


def _spread(calls: Columns, payments: Columns, keys: Array) -> tuple[Array, Array]:
    """Return calls with their payments: a call for a whole cart once for each payment of the try."""
    first = np.searchsorted(keys, _key(calls["cart"], calls["attempt"], np.maximum(calls["notice"], 0)))
    size = np.where(calls["notice"] < 0, payments["cart_size"][first].astype(np.int64), 1)
    rows = np.repeat(np.arange(len(calls)), size)
    of_payment = np.repeat(first, size) + np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    return rows, of_payment


class _Known:
    """A payment, and what the log calls it, its EC and its PSP."""

    def __init__(self, row: Row, about: Row) -> None:
        self.row = row
        self._about = about
        self._by_primitive: dict[str, Row] = {}

    def about(self, primitive: str) -> Row:
        """Return a row with whom a call is about, and who is its caller and its callee."""
        found = self._by_primitive.get(primitive)
        if found is None:
            sides = {"Node": NODE, "Checkout": CHECKOUT_CHANNEL, "PSP": self._about["canale"]}
            caller, callee = (sides.get(side, self._about["stazione"]) for side in _SIDES[primitive])
            by_checkout = {"psp": CHECKOUT_PSP, "canale": CHECKOUT_CHANNEL} if primitive in _BY_CHECKOUT else {}
            found = {**_EMPTY, **self._about, **by_checkout, "fruitore": caller, "erogatore": callee}
            self._by_primitive[primitive] = found
        return found.copy()


class _Identifiers:
    """What the log calls everybody; made up, but always the same."""

    def __init__(self, run: Recorded, replication: int, payments: Columns, calls: Columns) -> None:
        self.seed = run.manifest["seed"]
        self.replication = replication
        self.payments = payments
        self.keys = _key(payments["cart"], payments["attempt"], payments["notice"])
        self.psps = {each["name"]: number for number, each in enumerate(run.scenario["psps"], 1)}
        self.groups = {each["name"]: number for number, each in enumerate(run.scenario["ecs"], 1)}
        self._known: dict[int, _Known] = {}
        self._sends = _sends(calls)

    def of(self, payment: int) -> _Known:
        """Return what is known of a payment."""
        if payment not in self._known:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            (row,) = self.payments.at(slice(payment, payment + 1)).plain()
            self._known[payment] = _Known(row, self._made(row))
        return self._known[payment]

    def _made(self, row: Row) -> Row:
        iuv = f"{self.replication:05}{row['cart']:010}{row['notice']:02}"
        domain = f"8{self.groups[row['ec_group']]:03}{row['ec']:07}"
        token = self.hashed("token", row["cart"], row["attempt"], row["notice"])
        issued = row["issued_s"] is not None
        return {
            "componente": "FESP",
            "idDominio": domain,
            "iuv": iuv,
            "ccp": token if issued else "",
            "noticeNumber": f"3{iuv}",
            "creditorReferenceId": iuv,
            "paymentToken": token if issued else "",
            "psp": row["psp"],
            "canale": f"9{self.psps[row['psp']]:010}_01",
            "stazione": f"{domain}_01",
            "transactionId": self.hashed("transaction", row["cart"], row["attempt"]),
        }

    def hashed(self, *what: Any) -> str:
        """Return 32 hexadecimal digits for something."""
        text = ".".join(map(str, (self.seed, self.replication, *what)))
        return blake2b(text.encode(), digest_size=16).hexdigest()

    def session(self, primitive: str, row: Mapping[str, Any], send: Any = 0) -> str:
        """Return the session of a call, or of the first call of its kind."""
        notice = -1 if primitive in _OF_CART else row["notice"]
        digits = self.hashed("session", primitive, row["cart"], row["attempt"], notice, send)
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def send(self, primitive: str, row: Mapping[str, Any], at_s: float) -> int:
        """Return which send of a call was under way at a moment, the first of several."""
        notice = -1 if primitive in _OF_CART else row["notice"]
        sends = self._sends.get((primitive, row["cart"], row["attempt"], notice), ())
        return next((send for send, from_s, to_s in sends if from_s <= at_s <= to_s), 0)


def _sends(calls: Columns) -> dict[tuple[str, int, int, int], list[tuple[int, float, float]]]:
    """Return, of calls that were sent more than once, every send with its begin and end as the Node saw them."""
    same = _key(calls["cart"], calls["attempt"], calls["notice"] + 1) * len(PRIMITIVES) + calls["primitive"]
    found: dict[tuple[str, int, int, int], list[tuple[int, float, float]]] = {}
    for call in calls.at(np.flatnonzero(np.isin(same, same[calls["send"] > 0]))).plain():
        called = call["primitive"] in _CALLED
        from_s, to_s = (call["arrived_s"], call["served_s"]) if called else (call["sent_s"], call["answered_s"])
        if from_s is not None and to_s is not None:
            key = call["primitive"], call["cart"], call["attempt"], call["notice"]
            found.setdefault(key, []).append((call["send"], from_s, to_s))
    return found


def _told(order: _Order, calls: Columns, states: Columns, ids: _Identifiers) -> Iterator[Row]:
    """Yield the columns of some events, without their times."""
    internal = order.kind == _INTERN
    called, changed = iter(calls.at(order.row[~internal]).plain()), iter(states.at(order.row[internal]).plain())
    for kind, payment in zip(order.kind.tolist(), order.payment.tolist(), strict=True):
        known = ids.of(payment)
        yield _change(next(changed), ids, known) if kind == _INTERN else _call(next(called), kind, ids, known)


def _call(call: Row, kind: int, ids: _Identifiers, known: _Known) -> Row:
    """Return the columns of a request or a response."""
    primitive: str = call["primitive"]
    row, called = known.row, primitive in _CALLED
    # The Node may ask an EC twice for one notice, with no number to tell the calls apart but their time.
    send = round(call["sent_s"] * 1e6) if primitive == "paGetPayment" else call["send"]
    told = known.about(primitive)
    told["categoriaEvento"] = "INTERFACCIA"
    told["sottoTipoEvento"] = "REQ" if kind == _REQ else "RESP"
    told["tipoEvento"] = primitive
    told |= _within(primitive, send, ids, row)
    told["esito"] = _esito(call, kind, called)
    if kind == _REQ:
        told["outcome"] = _carried(primitive, call["fault"], row)
        return told
    told["outcome"] = _replied(call, row)
    if (fault := call["fault"]) != "none":
        told["faultCode"], told["faultDescription"] = fault, FAULTS[Fault(fault)].meaning
    return told


def _within(primitive: str, send: int, ids: _Identifiers, row: Row) -> Row:
    """Return to which call, and to which process of the Node, something belongs."""
    begun_by = _BEGUN_BY.get(primitive, primitive)
    return {
        "sessionId": ids.session(primitive, row, send),
        "sessionIdOriginal": ids.session(begun_by, row),
        "businessProcess": SEND_AGAIN if primitive == "paSendRT" and send else begun_by,
    }


def _esito(call: Row, kind: int, called: bool) -> str:
    if kind == _REQ:
        lost = not called and call["answer"] == "unreachable"
        return "RICEVUTA" if called else "INVIATA_KO" if lost else "INVIATA"
    if called:
        return "INVIATA"
    return "RICEVUTA_KO" if call["answer"] == "malformed" else "RICEVUTA"


def _carried(primitive: str, fault: str, row: Row) -> str:
    """Return the outcome that a request carries."""
    if primitive == "closePaymentV2":
        return "KO" if row["authorised_s"] is None else "OK"
    if primitive == "sendPaymentResult-v2":
        return "KO" if row["paid_s"] is None else "OK"
    return outcome_said(fault, row) if primitive == "sendPaymentOutcomeV2" else ""


def _replied(call: Row, row: Row) -> str:
    """Return the outcome of a response; where the caller did not hear it, what it did tells, or nothing does."""
    if call["answer"] in ("ok", "ko"):
        return str(call["answer"]).upper()
    done_s = {"activatePaymentNoticeV2": "issued_s", "closePaymentV2": "closed_s", "sendPaymentOutcomeV2": "paid_s"}
    done = row.get(done_s.get(call["primitive"], ""))
    return "OK" if done is not None and call["started_s"] <= done <= call["served_s"] else ""


def _change(change: Row, ids: _Identifiers, known: _Known) -> Row:
    """Return the columns of a change of status."""
    why = cause(change["status"], change["at_s"], known.row)
    job = why in (SWEEP, SEND_AGAIN)
    told = known.about("paSendRT" if job else why)
    if change["subject"] == "position":
        told["paymentToken"] = told["ccp"] = ""
    elif change["subject"] == "receipt":
        told["psp"] = told["canale"] = ""
    told["categoriaEvento"], told["sottoTipoEvento"], told["esito"] = "INTERNO", "INTERN", "CAMBIO_STATO"
    told["tipoEvento"], told["status"] = why, change["status"]
    if not job:
        return told | _within(why, ids.send(why, known.row, change["at_s"]), ids, known.row)
    told["businessProcess"] = why
    told["sessionId"] = told["sessionIdOriginal"] = ids.session(why, known.row, round(change["at_s"] * 1e6))
    return told
