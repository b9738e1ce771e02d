"""The table of a replay, for who wants to know what a rule does to one payment."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from sim.model.replay import Replayed
from sim.model.trace import Call, described
from sim.report.tables import table
from sim.report.terminal import plain


def of_replay(replayed: Replayed) -> Table:
    """Return a row per call and act: when, who called whom, how it ended, and what changed by it."""
    case = replayed.case
    shown = table(f"{case.id}  {case.category}  {case.source}".rstrip(), "at", "call", "answer", "changes")
    for column, width in zip(shown.columns, (None, 23, None, 18), strict=True):
        column.justify, column.min_width = "left", width
    for call in replayed.trace.calls:
        who = "" if call.is_act else f"{call.sender} > {call.receiver}: "
        shown.add_row(
            f"{call.at_s:g} s" if call.step is not None else "",
            plain(f"{who}{call.name} {call.about}"),
            _answer(call),
            _changes(replayed, call),
        )
    return shown


def missed(replayed: Replayed) -> Iterator[str]:
    """Yield a line for every step whose reply is not what it expects; a step that gets none has no outcome."""
    for step, done in zip(replayed.case.steps, replayed.steps, strict=True):
        reply = done["reply"] or {}
        wrong = {name: wanted for name, wanted in step.expect.items() if reply.get(name) != wanted}
        if wrong:
            said = "; ".join(f"{name} is {_word(reply.get(name))}, not {_word(wrong[name])}" for name in wrong)
            line = f"{replayed.case.id}  step {done['index']}, {step.do}: {said if reply else 'gets no answer'}"
            yield plain(line).plain


def _word(value: object) -> str:
    """Return a value of a reply as a word; what is not there is null, as in the case."""
    return "null" if value is None else str(value)


def _answer(call: Call) -> Text:
    late = f", at {call.ended_s:g} s" if call.ended_s > call.at_s else ""
    answer = plain(call.said + late)
    if call.missed:
        answer.append_text(Text("\n").append_text(plain(f"expected: {call.missed}", style="bold red")))
    return answer


def _changes(replayed: Replayed, call: Call) -> Text:
    by_thing: dict[str, list[str]] = {}
    for change in call.changes:
        thing, status = described(change, replayed.name)
        by_thing.setdefault(thing, []).append(status)
    return Text("\n").join(plain(f"{thing}: {', '.join(statuses)}") for thing, statuses in by_thing.items())
