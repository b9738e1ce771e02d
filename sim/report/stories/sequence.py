"""A story as a Mermaid sequence diagram, to paste where Markdown is read."""

from collections.abc import Iterator

from sim.report.sequence import escaped
from sim.report.stories.story import CHECKOUT, NODE, Call, Story
from sim.report.stories.telling import Moment, moments
from sim.report.stories.times import clock, lasting


def diagram(story: Story) -> str:
    """Return the diagram: calls as arrows, changes and events as notes, times from the first call on."""
    return "\n".join(_lines(story)) + "\n"


def _lines(story: Story) -> Iterator[str]:
    told = moments(story)
    people = dict.fromkeys(each.who for each in told if each.call is None)
    peers = dict.fromkeys(name for call in story.calls for name in (call.caller, call.callee))
    first = [name for name in ("Citizen", CHECKOUT, NODE) if name in people or name in peers]
    ids = {name: f"p{number}" for number, name in enumerate(dict.fromkeys([*first, *peers, *people]))}
    yield "sequenceDiagram"
    for name, short in ids.items():
        yield f"    participant {short} as {escaped(name)}"
    everybody = ",".join(dict.fromkeys((next(iter(ids.values())), list(ids.values())[-1])))
    title = f"payment {story.id} of {story.scenario}, times from {clock(story.begun_s)}"
    yield f"    Note over {everybody}: {escaped(title)}"
    for moment in told:
        yield f"    {_line(moment, ids, moment.at_s - story.begun_s)}"


def _line(moment: Moment, ids: dict[str, str], after_s: float) -> str:
    call, when, who = moment.call, f"{after_s:+.3f} s", ids[moment.who]
    if call is None:
        said = f"{when} {moment.what}{_by(moment.because.rules)}"
        because = f"<br/>{escaped(moment.because.said)}" if moment.because.said else ""
        return f"Note over {who}: {escaped(said)}{because}"
    if moment.kind == "made":
        arrow = "-x" if call.arrived_s is None or call.answer == "unreachable" else "->>"
        return f"{who}{arrow}{ids[call.callee]}: {escaped(f'{when} {moment.what}')}"
    return _ended(moment, call, ids, when)


def _ended(moment: Moment, call: Call, ids: dict[str, str], when: str) -> str:
    reason = moment.because
    if not call.heard:
        said = f"{when} {call.primitive}: {reason.said}{_by(reason.rules)}"
        return f"Note over {ids[call.caller]}: {escaped(said)}"
    said = f"{when} {call.answer} after {lasting(call.took_s)}"
    because = f": {reason.said}" if reason.said else ""
    return f"{ids[call.callee]}-->>{ids[call.caller]}: {escaped(f'{said}{because}{_by(reason.rules)}')}"


def _by(rules: tuple[str, ...]) -> str:
    return f" ({', '.join(rules)})" if rules else ""
