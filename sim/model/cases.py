"""Cases to replay: the vocabulary of a scripted payment, and how a file of cases is read.

One case or a list of them, as JSON. A file that cannot be replayed is answered with a `CaseError` that has every
problem at once. Members that the vocabulary does not have are an error where they look like a misspelling;
otherwise they are remarked on and, in a request, count as a part of it, since cases may carry more than is read here
(as `checks` do).
"""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from sim.protocol.messages import Answer, Outcome, Reply
from sim.protocol.statuses import PaymentStatus, PositionStatus
from sim.scenario.tree import MAX_BYTES, MAX_DEPTH
from sim.scenario.units import shown

_EUROS = r"^[0-9]{1,9}(\.[0-9]{1,2})?$"
Euros = Annotated[str, BeforeValidator(lambda v: f"{v}" if type(v) in (int, float) else v), Field(pattern=_EUROS)]
"""An amount as the platform writes it; a number will do."""
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Tokens = Annotated[tuple[str, ...], Field(min_length=1)]
_LIKE = 0.85
"""From this likeness on, an unknown word is taken for a known one misspelt."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class _Step(_Part):
    at_s: Seconds
    expect: dict[str, Any] = {}


class _Request(_Step):
    body: Any = None

    @property
    def content(self) -> str:
        """Whatever else is in the request, so that equal requests are told from others."""
        return json.dumps([self.body, self.model_extra], sort_keys=True)


class ActivateStep(_Request):
    """An activation, and how the EC will answer."""

    do: Literal["activate"]
    notice: str
    token: str | None = None
    ec: str
    amount_eur: Euros = "0"
    transfers: tuple[str, ...] = ()
    validity_s: Seconds | None = None
    idempotency_key: str | None = None
    caller: str | None = None
    ec_answer: Answer = Answer.OK

    @property
    def content(self) -> str:
        """Whatever else is in the request, and who sends it."""
        return json.dumps([self.caller, super().content])


class CloseStep(_Request):
    """A close, and how the PSP will answer the notification that may follow."""

    do: Literal["close_payment"]
    tokens: Tokens
    outcome: Outcome
    fee_eur: Euros = "0"
    channel_version: Literal[1, 2] = 2
    psp_answer: Answer = Answer.OK
    psp_delay_s: Seconds = 0.0


class OutcomeStep(_Request):
    """An outcome from the PSP."""

    do: Literal["send_outcome"]
    tokens: Tokens
    outcome: Outcome
    fee_eur: Euros | None = None
    idempotency_key: str | None = None


class NextReceiptStep(_Step):
    """How the next receipt to an EC is answered."""

    do: Literal["next_receipt"]
    ec: str
    answer: Answer


class JobStep(_Step):
    """One run of a periodic job."""

    do: Literal["job"]
    name: Literal["mod3CancelV2", "paSendRt"]


class Overrides(_Part):
    """Settings of a replay that a case may change."""

    token_validity_s: Seconds | None = None
    token_extension_s: Seconds | None = None
    idempotency: bool | None = None
    idempotency_validity_s: Seconds | None = None
    broadcast: dict[str, Annotated[int, Field(ge=0, le=100, strict=True)]] | None = None


class SetStep(_Step, Overrides):
    """A change of settings from now on."""

    do: Literal["set"]


class ForceStep(_Step):
    """Overwrite the status of a payment or a position, which need not be a status of this use case."""

    do: Literal["force"]
    token: str | None = None
    notice: str | None = None
    payment_status: str | None = None
    position_status: str | None = None


Step = Annotated[
    ActivateStep | CloseStep | OutcomeStep | NextReceiptStep | JobStep | SetStep | ForceStep,
    Field(discriminator="do"),
]


class Case(_Part):
    """A scripted payment."""

    id: str
    category: str = ""
    source: str = ""
    settings: Overrides = Overrides()
    steps: tuple[Step, ...]
    checks: tuple[Any, ...] = ()


CASES: TypeAdapter[tuple[Case, ...]] = TypeAdapter(tuple[Case, ...])
Keys = tuple[str | int, ...]
_REPLY = tuple(name for name in Reply._fields if name != "token")
"""What a step may expect something of."""
_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
"""Brackets, and texts, in which there are none."""


class CaseError(ValueError):
    """A case file that cannot be replayed: a line per problem, with file, place, path and what is wrong."""


def load_cases(file: Path, only: str | None = None) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """Read one case or a list of cases, or one case of the list by its id, and remarks on them; raises `CaseError`."""
    text = _text(file)
    data = _parsed(file, text)
    listed = data if isinstance(data, list) else [data]
    problems: list[tuple[Keys, str]] = []
    remarks: list[tuple[Keys, str]] = []
    cases: tuple[Case, ...] = ()
    try:
        cases = CASES.validate_python(listed)
    except ValidationError as error:
        problems = [(_reached(listed, each["loc"]), _said(each)) for each in error.errors(include_url=False)]
    for path, said, grave in _unusual(cases):
        (problems if grave else remarks).append((path, said))
    if not isinstance(data, list):
        problems, remarks = ([(path[1:], said) for path, said in found] for found in (problems, remarks))
    lines = [
        [_located(file, text, _offset(text, path), path, said) for path, said in found] for found in (problems, remarks)
    ]
    if problems:
        raise CaseError("\n".join(lines[0]))
    if only is not None:
        cases = tuple(case for case in cases if case.id == only)
        if not cases:
            raise CaseError(f"{file}:1:1  (file)  has no case {only}; give the id of one")
    return cases, tuple(lines[1])


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise CaseError(f"{file}:1:1  is larger than {MAX_BYTES / 1e6:g} MB; give the path of a file of cases")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise CaseError(f"{file}:1:1  cannot be read: {error.strerror}; give the path of a JSON file") from None
    except UnicodeDecodeError as error:
        raise CaseError(f"{file}:1:1  is not UTF-8 at byte {error.start}; save it as UTF-8") from None


class _TwiceError(ValueError):
    """An object has a name twice."""


def _members_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _TwiceError
    return members


def _number(digits: str) -> float:
    """Read a whole number; one of more digits than any number has is infinite."""
    return int(digits) if len(digits) < 400 else float(digits)


_DECODER = json.JSONDecoder(parse_int=_number)


def _parsed(file: Path, text: str) -> Any:
    """Return what JSON says, in which no name is given twice; raises `CaseError`."""
    depth = 0
    for found in _BRACKET.finditer(text):
        depth += (found[0] in "[{") - (found[0] in "]}")
        if depth > MAX_DEPTH:
            said = f"is nested too deeply; write at most {MAX_DEPTH} levels"
            raise CaseError(_located(file, text, found.start(), (), said))
    try:
        return json.loads(text, parse_int=_number, object_pairs_hook=_members_once)
    except json.JSONDecodeError as error:
        raise CaseError(f"{file}:{error.lineno}:{error.colno}  is not JSON: {error.msg}; correct the syntax") from None
    except _TwiceError:
        twice = _twice(text, _past(text, 0), ())
        said = "is given twice; keep one of the two"
        raise CaseError("\n".join(_located(file, text, at, path, said) for path, at in twice)) from None


def _twice(text: str, at: int, path: Keys) -> Iterator[tuple[Keys, int]]:
    """Yield path and place of every member that its object has already."""
    seen: set[str | int] = set()
    for key, place in _members(text, at):
        if key in seen:
            yield (*path, key), place
        seen.add(key)
        yield from _twice(text, place, (*path, key))


def _said(error: Any) -> str:
    """Say what is wrong with a value, and what to write instead."""
    kind, context, written = error["type"], error.get("ctx", {}), shown(error["input"])
    if kind == "missing":
        return f"is missing; add {error['loc'][-1]}"
    if kind == "union_tag_not_found":
        return "does not say what is done; add do"
    if kind == "union_tag_invalid":
        return f"is to do {shown(context['tag'])}; write one of {context['expected_tags']}".replace("'", "")
    if kind in ("enum", "literal_error"):
        return f"is {written}; write {context['expected']}".replace("'", "")
    if kind == "too_short":
        return "has no entries; write one or more"
    if kind == "greater_than_equal":
        return f"is {written}; write {context['ge']:g} or more"
    if kind == "less_than_equal":
        return f"is {written}; write {context['le']:g} or less"
    return f"is {written}; write {_WANTED.get(kind, 'what the vocabulary of cases has')}"


_WANTED = {
    "string_type": "a text",
    "string_pattern_mismatch": 'euros and cents, for example "12.50"',
    "float_type": "a number of seconds",
    "finite_number": "a finite number of seconds",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list, [...]",
    "dict_type": "an object, {...}",
    "model_type": "an object, {...}",
    "model_attributes_type": "an object, {...}",
}


def _unusual(cases: Sequence[Case]) -> Iterator[tuple[Keys, str, bool]]:
    """Yield what a valid file has that is wrong or odd: path, what, and whether it is wrong."""
    for number, case in enumerate(cases):
        yield from _strangers((number,), case)
        yield from _strangers((number, "settings"), case.settings)
        now_s = 0.0
        for index, step in enumerate(case.steps):
            path = (number, "steps", index)
            yield from _strangers(path, step)
            for name in step.expect:
                if name not in _REPLY:
                    fix = _like(name, _REPLY) or f"one of {', '.join(_REPLY)}"
                    yield (*path, "expect", name), f"is nothing that a reply has; write {fix}", True
            if step.at_s < now_s:
                yield (*path, "at_s"), f"{step.at_s:g} s comes after {now_s:g} s; order the steps by time", True
            now_s = max(now_s, step.at_s)
            if isinstance(step, ForceStep):
                yield from _forces(path, step)


def _strangers(path: Keys, part: _Part) -> Iterator[tuple[Keys, str, bool]]:
    for name in part.model_extra or ():
        like = _like(name, list(type(part).model_fields))
        said = f"is not known; write {like}" if like else "is not known, and does nothing"
        yield (*path, name), said, like is not None


def _forces(path: Keys, step: ForceStep) -> Iterator[tuple[Keys, str, bool]]:
    """Check that a force has a subject for its status, and a status that could be meant."""
    for member, subject, kind in (
        ("payment_status", "token", PaymentStatus),
        ("position_status", "notice", PositionStatus),
    ):
        status = getattr(step, member)
        if status is not None and getattr(step, subject) is None:
            yield (*path, member), f"is not said of which {subject}; add {subject}", True
        if status is not None and status not in list(kind):
            like = _like(status, list(kind))
            said = f"{status} is no status; write {like}" if like else f"{status} is no status of this use case"
            yield (*path, member), said, like is not None
    if step.payment_status is None and step.position_status is None:
        yield path, "forces nothing; add payment_status or position_status", True


def _like(word: str, known: Sequence[str]) -> str | None:
    found = difflib.get_close_matches(word, known, 1, _LIKE)
    return found[0] if found else None


# --- places in the file ---------------------------------------------------------------------------------------------


def _reached(data: Any, path: Sequence[str | int]) -> Keys:
    """Return a path as it is in the data: without the names of alternatives, but with a member that is missing."""
    found: list[str | int] = []
    for number, key in enumerate(path):
        inside = isinstance(key, int) if isinstance(data, list) else isinstance(data, dict) and key in data
        if inside:
            data = data[key]
        if inside or number == len(path) - 1:
            found.append(key)
    return tuple(found)


def _located(file: Path, text: str, at: int, path: Keys, said: str) -> str:
    """Return a line in which nothing that a file says can be taken for an order to the terminal."""
    before = text[:at]
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    shown = f"{'.'.join(map(str, path)) or '(file)'}  {said}"
    return f"{file}:{line}:{column}  " + "".join(each if each.isprintable() else "\ufffd" for each in shown)


def _offset(text: str, path: Keys) -> int:
    """Return where in the text of valid JSON a path is written, or the last part of it that is."""
    at = _past(text, 0)
    for wanted in path:
        at, found = next(((place, True) for key, place in _members(text, at) if key == wanted), (at, False))
        if not found:
            break
    return at


def _members(text: str, at: int) -> Iterator[tuple[str | int, int]]:
    """Yield name or number, and place, of everything in the object or list that is written at a place."""
    named, number = text[at] == "{", 0
    if text[at] not in "{[":
        return
    at = _past(text, at + 1)
    while text[at] not in "}]":
        key: str | int = number
        if named:
            key, at = _DECODER.raw_decode(text, at)
            at = _past(text, _past(text, at) + 1)
        yield key, at
        at = _past(text, _DECODER.raw_decode(text, at)[1])
        if text[at] == ",":
            at = _past(text, at + 1)
        number += 1


def _past(text: str, at: int) -> int:
    """Return the place of the next character that is not a space."""
    while at < len(text) and text[at] in " \t\n\r":
        at += 1
    return at
