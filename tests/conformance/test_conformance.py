"""The real Node's public integration tests, replayed. Expected values come from those tests."""

import json
from collections import Counter
from pathlib import Path

import pytest

from sim.model.cases import CASES
from sim.model.replay import replay

CASES_JSON = json.loads(Path(__file__).with_name("cases.json").read_text(encoding="utf-8"))


def _seen(after, of, what):
    payments = [
        p
        for token, p in after["payments"].items()
        if of.get("token") in (None, token) and of.get("notice") in (None, p["notice"])
    ]
    notice = of.get("notice") or (payments[0]["notice"] if payments else None)
    position = after["positions"].get(notice, {"history": [], "status": None})
    recipients = [r for p in payments for r in p["recipients"]]
    subject, _, field = what.partition("_")
    if what == "pending_recipients":
        return [r["status"] for r in recipients if r["status"] == "NOTICE_PENDING"]
    rows = {"payment": payments, "position": [position], "recipient": recipients}[subject]
    values = [row[field] for row in rows if row["status"] is not None]
    return [v for history in values for v in history] if field == "history" else values


@pytest.mark.parametrize("case", CASES_JSON, ids=lambda case: case["id"])
def test_case_agrees_with_the_real_node(case):
    """Every reply and every history is what the Node's own tests expect; histories are compared as multisets."""
    (replayed,) = replay(CASES.validate_python([case]))
    entry = replayed.to_json()
    for step, done in zip(case["steps"], entry["steps"], strict=True):
        for key, want in step.get("expect", {}).items():
            assert done["reply"][key] == want
    for check in case["checks"]:
        got = _seen(entry["steps"][check["after"]]["after"], check["of"], check["what"])
        if "count" in check:
            assert len(got) == check["count"]
        assert not Counter(check.get("values") or ()) - Counter(map(str, got))
