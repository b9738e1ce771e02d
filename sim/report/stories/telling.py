"""The moments of a story in the order in which they came about, each with its cause and its rules.

Text and diagram are two ways to read the same moments. At one instant the order is that of a payment's life, so that
an effect never stands before its cause, however short the links are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Literal

from sim.protocol.primitives import PRIMITIVES
from sim.records import EXPIRY_CAUSES
from sim.report.stories.reasons import Reason, asked, cause, of_call, of_changes, of_reversal
from sim.report.stories.story import CHECKOUT, NODE, Call, Change, Story
from sim.report.stories.times import lasting

Kind = Literal["made", "ended", "changed", "happened"]

_PLACE = {primitive.name: 10 * number for number, primitive in enumerate(PRIMITIVES)}
"""A call's place in a payment's life. A call inside another ends before it, and what the Node asked before it changes
anything; what the Node is asked changes something before it has answered."""
_ENDS_AT = {
    "activatePaymentNoticeV2": _PLACE["paGetPayment"] + 8,
    **{name: _PLACE[name] + 4 for name in ("paGetPayment", "pspNotifyPaymentV2", "paSendRT")},
}
_AFTER = {"mod3CancelV2": _PLACE["sendPaymentOutcomeV2"] + 8, "paSendRt": _PLACE["paSendRT"] - 1}
_CHANGES_AT = {"activatePaymentNoticeV2": _PLACE["paGetPayment"] + 6}


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened: a call was made or ended, statuses changed, or something outside the calls.

    `who` is whose moment it is: the caller of a call.
    """

    at_s: float
    kind: Kind
    who: str
    what: str
    because: Reason
    call: Call | None = None


def moments(story: Story) -> list[Moment]:
    """Return all moments of a story in order."""
    found = [*_of_calls(story), *_of_changes(story), *_others(story)]
    return [moment for _, moment in sorted(found, key=lambda each: (each[1].at_s, each[0]))]


Placed = tuple[tuple[int, int], Moment]


def _of_calls(story: Story) -> Iterator[Placed]:
    for call in story.calls:
        what, place = asked(call, story.payment), _PLACE[call.primitive]
        if call.waited_s >= 0.0005:
            what += f", after waiting {lasting(call.waited_s)} for a connection"
        ends = _ENDS_AT.get(call.primitive, place + 9)
        yield (call.send, place), Moment(call.sent_s, "made", call.caller, what, Reason(""), call)
        why = of_call(call, story.payment)
        yield (call.send, ends), Moment(call.answered_s, "ended", call.caller, what, why, call)
    for call in story.failed:
        said = f"notice {call.notice} of the cart could not be activated ({call.fault.replace('none', 'no answer')})"
        place = _ENDS_AT[call.primitive] + 1
        yield (call.send, place), Moment(call.answered_s, "happened", CHECKOUT, said, Reason("", ("R2",)))


def _of_changes(story: Story) -> Iterator[Placed]:
    def key(change: Change) -> tuple[float, str]:
        return change.at_s, cause(change.status, change.at_s, story.payment)

    for (at_s, why), changes in groupby(story.changes, key=key):
        at_once = list(changes)
        by_subject = groupby(at_once, key=attrgetter("subject"))
        what = "; ".join(f"{subject}: {', '.join(each.status for each in some)}" for subject, some in by_subject)
        place = _AFTER.get(why) or _CHANGES_AT.get(why) or _PLACE[why] + 5
        reason = of_changes({each.status for each in at_once}, at_s, story.payment)
        yield (0, place), Moment(at_s, "changed", NODE, what, reason)


def _others(story: Story) -> Iterator[Placed]:
    """Yield what is recorded of a payment besides calls and changes."""
    payment, cart = story.payment, story.cart
    if story.id.attempt == 0:
        yield _happened(-1, cart["arrived_s"], "Citizen", "comes with the cart")
    if payment["authorised_s"] is not None:
        yield _happened(18, payment["authorised_s"], CHECKOUT, "the gateway authorises: the citizen's money is taken")
    if (deadline_s := _passed(story)) is not None:
        yield _happened(48, deadline_s, NODE, "the token's deadline passes; the notice stays blocked", "R15")
    last_try = story.id.attempt == cart["tries"] - 1
    if last_try and cart["redirected_s"] is not None:
        knows = cart["settled_s"] is not None and cart["settled_s"] <= cart["redirected_s"]
        said = "goes back to the EC's site" + ("" if knows else ", not knowing yet how it ended")
        yield _happened(69, cart["redirected_s"], "Citizen", said)
    if payment["receipt_s"] is not None and not _told(story):
        yield _happened(66, payment["receipt_s"], story.ec, "has the receipt and closes the debt position", "R12")
    if payment["reversal_requested_s"] is not None:
        said = f"asks the gateway to give the money back ({payment['reversal_cause']})"
        yield _happened(90, payment["reversal_requested_s"], CHECKOUT, said, *of_reversal(payment))
    if payment["reversed_s"] is not None:
        tries = payment["reversal_tries"]
        said = "the money is given back" + (f", at try {tries}" if tries > 1 else "")
        yield _happened(91, payment["reversed_s"], CHECKOUT, said)


def _happened(place: int, at_s: float, who: str, what: str, *rules: str) -> Placed:
    return (0, place), Moment(at_s, "happened", who, what, Reason("", rules))


def _passed(story: Story) -> float | None:
    """Return the deadline of a token that was still open then."""
    payment, deadline_s = story.payment, story.deadline_s
    if deadline_s is None or payment["paid_s"] is not None:
        return None
    expired = payment["cancel_cause"] in EXPIRY_CAUSES
    return deadline_s if expired and deadline_s <= payment["cancelled_s"] else None


def _told(story: Story) -> bool:
    """Whether the Node heard that the EC took the receipt."""
    return any(call.primitive == "paSendRT" and call.answer == "ok" for call in story.calls)
