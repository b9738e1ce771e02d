"""Whether replayed cases agree with what the real Node's public tests expect of them.

The cases carry their expectations (`tests/conformance/cases.json`). A case that does not agree has its reason here, and
`docs/protocol.md` lists it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.model.cases import CASES
from sim.model.replay import replay

REASONS: Mapping[str, str] = {}
"""Why the model differs from the real Node, for each case that does not agree."""


@dataclass(frozen=True, slots=True)
class Conformance:
    """How the model compares with the real Node's public tests: cases by category, and what differs, by case."""

    cases: Mapping[str, int]
    differences: Mapping[str, Sequence[str]]
    category: Mapping[str, str]


def conformance_of(cases: Sequence[Mapping[str, Any]]) -> Conformance:
    """Replay cases and compare each with what it expects."""
    replayed = (each.to_json() for each in replay(CASES.validate_python(cases)))
    found = {case["id"]: _differences(case, entry) for case, entry in zip(cases, replayed, strict=True)}
    return Conformance(
        Counter(case["category"] for case in cases),
        {case: differences for case, differences in found.items() if differences},
        {case["id"]: case["category"] for case in cases},
    )


def _differences(case: Mapping[str, Any], replayed: Mapping[str, Any]) -> list[str]:
    """Compare as the sources do: replies exactly, histories as multisets with the number of rows expected."""
    found = []
    for number, step in enumerate(case["steps"]):
        reply = replayed["steps"][number]["reply"] or {}
        for key, want in step.get("expect", {}).items():
            if reply.get(key) != want:
                found.append(f"step {number}: {key} is {reply.get(key)}, not {want}")
    for check in case["checks"]:
        got = _seen(replayed["steps"][check["after"]]["after"], check["of"], check["what"])
        missing = Counter(map(str, check.get("values") or ())) - Counter(map(str, got))
        if missing or check.get("count", len(got)) != len(got):
            found.append(f"after step {check['after']}: {check['what']} is {', '.join(map(str, got)) or 'empty'}")
    return found


def _seen(after: Mapping[str, Any], of: Mapping[str, Any], what: str) -> list[Any]:
    """Return the values that a check is about, pooled over the payments of a token or a notice."""
    payments = [
        payment
        for token, payment in after["payments"].items()
        if of.get("token") in (None, token) and of.get("notice") in (None, payment["notice"])
    ]
    notice = of.get("notice") or (payments[0]["notice"] if payments else None)
    recipients = [recipient for payment in payments for recipient in payment["recipients"]]
    if what == "pending_recipients":
        return [r for r in recipients if r["status"] == "NOTICE_PENDING"]
    subject, _, field = what.partition("_")
    positions = [after["positions"][notice]] if notice in after["positions"] else []
    rows = {"payment": payments, "position": positions, "recipient": recipients}[subject]
    values = [row[field] for row in rows if row["status"] is not None]
    return [status for history in values for status in history] if field == "history" else values
