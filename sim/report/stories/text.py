"""A story as text: a line per call, change and event, with when, what, how it ended, why, and by which rule."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sim.protocol.rules import RULES
from sim.reader import Row
from sim.report.stories.reasons import in_flight_s
from sim.report.stories.story import Call, Story
from sim.report.stories.telling import Moment, moments
from sim.report.stories.times import clock, lasting
from sim.report.terminal import plain


def of_story(story: Story) -> RenderableType:
    """Return a story for a terminal: who and how it ended, then everything in order of time, then the rules."""
    told = moments(story)
    return Group(*map(plain, _heading(story)), Text(), _table(story, told), Text(), _rules(told))


def _heading(story: Story) -> Iterator[str]:
    payment, cart = story.payment, story.cart
    euros = f"{payment['amount_cents'] // 100}.{payment['amount_cents'] % 100:02} EUR"
    yield f"payment {story.id} of {story.scenario}, seed {story.seed}"
    of_cart = f"notice {story.id.notice} (of {payment['cart_size']}), try {story.id.attempt} (of {cart['tries']})"
    yield f"  cart {story.id.cart}, {of_cart}, all counted from 0; {euros} to {story.ec}, by {payment['psp']}"
    yield f"  {_ending(story)}"
    for other in story.siblings:
        yield f"  notice {other['notice']} of the cart: {_short(other)}"
    for other in story.tries:
        yield f"  in try {other['attempt']}: {_short(other)}"


def _short(payment: Row) -> str:
    if payment["fault"] != "none":
        return f"not activated, {payment['fault']}"
    cause = payment["cancel_cause"]
    return f"{payment['status']} ({cause})" if cause != "none" else str(payment["status"])


def _ending(story: Story) -> str:
    payment = story.payment
    ended = f"ended {_short(payment)}"
    money = {
        "none": "no money was taken",
        "receipted": "the money is receipted",
        "reversed": f"the money was given back ({payment['reversal_cause']})",
        "pending_receipt": "the money waits for its receipt",
        "manual_check": "the money waits for a manual check",
    }[payment["place"]]
    return f"{ended}; {money}; the citizen knows: {story.cart['ending'].replace('_', ' ')}"


def _table(story: Story, told: list[Moment]) -> Table:
    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    found.add_column("at", justify="right", no_wrap=True)
    found.add_column("after", justify="right", no_wrap=True)
    found.add_column("what", ratio=5, overflow="fold", min_width=23)
    found.add_column("how it ended, and why", ratio=5, overflow="fold", min_width=19)
    found.add_column("rules", no_wrap=True, min_width=6)
    for moment in told:
        if moment.kind == "ended":
            continue
        what, why, rules = _row(moment, told, story.payment)
        after = f"{moment.at_s - story.begun_s:+.3f} s"
        found.add_row(clock(moment.at_s), after, plain(what), plain(why), " ".join(rules))
    return found


def _row(moment: Moment, told: list[Moment], payment: Row) -> tuple[str, str, tuple[str, ...]]:
    call = moment.call
    if call is None:
        return f"{moment.who}: {moment.what}", moment.because.said, moment.because.rules
    ended = next(each for each in told if each.call is call and each.kind == "ended")
    said = [ended.because.said]
    if call.heard:
        said = [f"{call.answer} after {lasting(call.took_s)}{_spent(call, payment)}", *said]
    elif call.answer == "unreachable":
        said = [f"unreachable after {lasting(call.took_s)}", *said]
    what = f"{call.caller} > {call.callee}: {moment.what}"
    return what, ": ".join(filter(None, said)), ended.because.rules


def _spent(call: Call, payment: Row) -> str:
    """Say what an answered call spent its time on, where there is more than one thing to say."""
    if call.arrived_s is None or call.started_s is None or call.served_s is None:
        return ""
    queue, waited_s = call.started_s - call.arrived_s, in_flight_s(call, payment)
    service = call.served_s - call.started_s - waited_s
    work = "Node and EC" if call.primitive == "activatePaymentNoticeV2" else "service"
    network = call.took_s - queue - waited_s - service
    parts = {"queue": queue, "waiting for the notification": waited_s, work: service, "network": network}
    said = [f"{name} {lasting(seconds)}" for name, seconds in parts.items() if seconds >= 0.0005]
    return f" ({', '.join(said)})" if said else ""


def _rules(told: list[Moment]) -> Table:
    named = {rule for moment in told for rule in moment.because.rules}
    found = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
    found.add_column(no_wrap=True)
    found.add_column(overflow="fold")
    for rule in RULES:
        if rule.code in named:
            found.add_row(rule.code, rule.text)
    return found
