"""Mermaid sequence diagrams of replays, to paste where Markdown is read."""

from collections.abc import Iterator, Sequence

from sim.model.replay import CHECKOUT, NODE, PSP, Replayed
from sim.model.trace import Call, Change, described
from sim.protocol.messages import Answer

_CODES = {"#": "#35;", ";": "#59;", "%": "#37;", "<": "#60;", ">": "#62;"}
_ORDER = {CHECKOUT: 0, NODE: 1, PSP: 3}
"""From left to right; ECs stand between the Node and the PSP."""
_SILENT = (Answer.TIMEOUT, Answer.UNREACHABLE)


def diagram(replayed: Replayed) -> str:
    """Return the sequence diagram of one case: its calls, and as notes what they changed."""
    return "\n".join(_lines(replayed)) + "\n"


def page(many: Sequence[Replayed]) -> str:
    """Return the diagrams of many cases as a page of Markdown."""
    return "\n".join(f"## {escaped(each.case.id)}\n\n```mermaid\n{diagram(each)}```\n" for each in many)


def _lines(replayed: Replayed) -> Iterator[str]:
    calls = replayed.trace.calls
    named = dict.fromkeys([NODE, *(name for call in calls for name in (call.sender, call.receiver))])
    everyone = sorted(named, key=lambda name: _ORDER.get(name, _ORDER[NODE] + 1))
    ids = {name: f"p{number}" for number, name in enumerate(everyone)}
    yield "sequenceDiagram"
    for name, short in ids.items():
        yield f"    participant {short} as {escaped(name)}"
    everybody = ",".join(dict.fromkeys((ids[everyone[0]], ids[everyone[-1]])))
    now_s = 0.0
    noted: list[tuple[str, str]] = []
    for at_s, call, what in replayed.trace.moments():
        if isinstance(what, Change):
            noted.append(described(what, replayed.name))
            continue
        yield from _note(ids[NODE], noted)
        noted = []
        if at_s > now_s:
            yield f"    Note over {everybody}: {at_s:g} s"
            now_s = at_s
        yield f"    {_made(call, ids) if what == 'made' else _ended(call, ids)}"
    yield from _note(ids[NODE], noted)


def _made(call: Call, ids: dict[str, str]) -> str:
    if call.is_act:
        return f"Note over {ids[call.sender]}: {escaped(call.name)}"
    arrow = "-x" if call.end is Answer.UNREACHABLE else "->>"
    return f"{ids[call.sender]}{arrow}{ids[call.receiver]}: {escaped(f'{call.name} {call.about}')}"


def _ended(call: Call, ids: dict[str, str]) -> str:
    if call.end in _SILENT:
        return f"Note over {ids[call.sender]}: {escaped(call.name)} {escaped(call.said)}"
    return f"{ids[call.receiver]}-->>{ids[call.sender]}: {escaped(call.said)}"


def _note(node: str, changes: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield a note with what changed, a line per thing."""
    by_thing: dict[str, list[str]] = {}
    for thing, status in changes:
        by_thing.setdefault(thing, []).append(status)
    if by_thing:
        lines = (escaped(f"{thing}: {', '.join(statuses)}") for thing, statuses in by_thing.items())
        yield f"    Note over {node}: {'<br/>'.join(lines)}"


def escaped(text: str) -> str:
    """Write a text so that nothing in it is taken for syntax."""
    return "".join(_CODES.get(char, char if char.isprintable() else " ") for char in text) or " "
