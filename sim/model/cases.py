"""Cases to replay: the vocabulary of a scripted payment, and how a file of cases is read.

One case or a list of them, as JSON. A file that cannot be replayed is answered with a `CaseError` that has every
problem at once. Members that the vocabulary does not have are an error where they look like a misspelling;
otherwise they are remarked on and, in a request, count as a part of it, since cases may carry more than is read here
(as `checks` do).
"""

import difflib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from sim.protocol.messages import Answer, Outcome
from sim.protocol.statuses import PaymentStatus, PositionStatus

_EUROS = r"^\d{1,9}(\.\d{1,2})?$"
Euros = Annotated[str, BeforeValidator(lambda v: f"{v}" if type(v) in (int, float) else v), Field(pattern=_EUROS)]
"""An amount as the platform writes it; a number will do."""
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
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
    broadcast: dict[str, Annotated[int, Field(ge=0, le=100)]] | None = None


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
_DECODER = json.JSONDecoder()


class CaseError(ValueError):
    """A case file that cannot be replayed: a line per problem, with file, place, path and what is wrong."""


def load_cases(file: Path, only: str | None = None) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """Read one case or a list of cases, or one case of the list by its id, and remarks on them; raises `CaseError`."""
    text = _text(file)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise CaseError(f"{file}:{error.lineno}:{error.colno}  is not JSON: {error.msg}; correct the syntax") from None
    except (ValueError, RecursionError) as error:
        raise CaseError(f"{file}:1:1  is not JSON: {error}; correct it") from None
    listed = data if isinstance(data, list) else [data]
    problems: list[tuple[Keys, str]] = []
    remarks: list[tuple[Keys, str]] = []
    cases: tuple[Case, ...] = ()
    try:
        cases = CASES.validate_python(listed)
    except ValidationError as error:
        problems = [(_reached(listed, e["loc"]), e["msg"]) for e in error.errors()]
    for path, said, grave in _unusual(cases):
        (problems if grave else remarks).append((path, said))
    shown = [
        [_located(file, text, path if isinstance(data, list) else path[1:], said) for path, said in found]
        for found in (problems, remarks)
    ]
    if problems:
        raise CaseError("\n".join(shown[0]))
    if only is not None:
        cases = tuple(case for case in cases if case.id == only)
        if not cases:
            raise CaseError(f"{file}:1:1  (file)  has no case {only}; give the id of one")
    return cases, tuple(shown[1])


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CaseError(f"{file}:1:1  cannot be read: {error.strerror}; give the path of a JSON file") from None
    except UnicodeDecodeError as error:
        raise CaseError(f"{file}:1:1  is not UTF-8 at byte {error.start}; save it as UTF-8") from None


def _unusual(cases: Sequence[Case]) -> Iterator[tuple[Keys, str, bool]]:
    """Yield what a valid file has that is wrong or odd: path, what, and whether it is wrong."""
    for number, case in enumerate(cases):
        yield from _strangers((number,), case)
        yield from _strangers((number, "settings"), case.settings)
        now_s = 0.0
        for index, step in enumerate(case.steps):
            path = (number, "steps", index)
            yield from _strangers(path, step)
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


def _located(file: Path, text: str, path: Keys, said: str) -> str:
    before = text[: _offset(text, path)]
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return f"{file}:{line}:{column}  {'.'.join(map(str, path)) or '(file)'}  {said}"


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
