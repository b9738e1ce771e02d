"""Whatever a case scripts, the replay plays it: any order of steps, repeated and unknown labels, statuses forced.

Most scripts here make no sense. The replay must answer each of them all the same, in the documented form, and where
nothing was forced every history must follow the tables of statuses.
"""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from sim.model.cases import CASES
from sim.model.replay import replay
from sim.protocol.statuses import (
    PAYMENT_TRANSITIONS,
    POSITION_TRANSITIONS,
    RECIPIENT_TRANSITIONS,
    PaymentStatus,
    PositionStatus,
)
from sim.report.replays import of_replay
from sim.report.sequence import diagram
from sim.report.terminal import Voice

from .mermaid import well_formed

NOTICES, LABELS, ECS = st.sampled_from(["N1", "N2"]), st.sampled_from(["T1", "T2", "T3", "T9"]), ["EC1", "EC2"]
ANSWERS = st.sampled_from(["ok", "ko", "malformed", "timeout", "unreachable"])
KEYS = st.sampled_from(["K1", "K2"])
SECONDS = st.sampled_from([0.5, 3, 9, 10, 60, 5000])
SENT = st.lists(LABELS, min_size=1, max_size=3)
SAID = st.sampled_from(["OK", "KO"])
STATUSES = st.sampled_from([*map(str, PaymentStatus), "PAYING_RPT"])
LOOKS = {"payment_status": STATUSES, "position_status": st.sampled_from([*map(str, PositionStatus), "FAILED"])}


def _step(do, **members):
    """Draw a step; members whose names end in an underscore may be left out."""
    always = {name: drawn for name, drawn in members.items() if not name.endswith("_")}
    often = {name.rstrip("_"): drawn for name, drawn in members.items() if name.endswith("_")}
    return st.fixed_dictionaries({"do": st.just(do), **always}, optional=often)


LAWFUL = st.one_of(
    _step(
        "activate",
        notice=NOTICES,
        token=LABELS,
        ec=st.sampled_from(ECS),
        transfers_=st.lists(st.sampled_from(ECS), max_size=3),
        validity_s_=SECONDS,
        idempotency_key_=KEYS,
        body_=st.sampled_from([None, {"a": [1]}]),
        ec_answer_=ANSWERS,
    ),
    _step(
        "close_payment",
        tokens=SENT,
        outcome=SAID,
        fee_eur_=st.sampled_from(["1", "2.50"]),
        channel_version_=st.sampled_from([1, 2]),
        psp_answer_=ANSWERS,
        psp_delay_s_=SECONDS,
    ),
    _step("send_outcome", tokens=SENT, outcome=SAID, fee_eur_=st.sampled_from(["1", "2.50"]), idempotency_key_=KEYS),
    _step("next_receipt", ec=st.sampled_from(ECS), answer=ANSWERS),
    _step("job", name=st.sampled_from(["mod3CancelV2", "paSendRt"])),
    _step(
        "set",
        token_validity_s_=SECONDS,
        token_extension_s_=SECONDS,
        idempotency_=st.booleans(),
        idempotency_validity_s_=SECONDS,
        broadcast_=st.dictionaries(st.sampled_from(ECS), st.integers(0, 2)),
    ),
)
FORCED = st.one_of(
    _step("force", token=LABELS, payment_status=LOOKS["payment_status"]),
    _step("force", notice=NOTICES, position_status=LOOKS["position_status"]),
)
OPENING = [
    {"do": "activate", "at_s": 0, "notice": "N1", "token": "T1", "ec": "EC1"},
    {"do": "activate", "at_s": 0, "notice": "N2", "token": "T2", "ec": "EC2"},
    {"do": "close_payment", "at_s": 0, "tokens": ["T1", "T2"], "outcome": "OK", "psp_delay_s": 5},
]
"""Steps from which more happens than from an empty world; a script begins with some of them."""


@st.composite
def cases(draw, steps):
    """Draw a case: some of the opening, then steps at times that never go back."""
    script, now_s = list(OPENING[: draw(st.integers(0, len(OPENING)))]), 0.0
    for step in draw(st.lists(steps, max_size=12)):
        now_s += draw(st.sampled_from([0, 0, 1, 5, 60, 4000]))
        script.append({**step, "at_s": now_s})
    return {"id": "any", "steps": script}


def _played(case):
    (replayed,) = replay(CASES.validate_python([case]))
    return replayed


def _has_the_form(case, printed):
    """Check the documented form of what a replay prints."""
    assert set(printed) == {"id", "steps"}
    assert [entry["index"] for entry in printed["steps"]] == list(range(len(case["steps"])))
    for step, entry in zip(case["steps"], printed["steps"], strict=True):
        assert set(entry) == {"index", "reply", "after"}
        if step["do"] in ("activate", "close_payment", "send_outcome"):
            assert set(entry["reply"]) == {"outcome", "fault_code", "http", "description"}
            assert (entry["reply"]["http"] is not None) == (step["do"] == "close_payment")
            if step["do"] != "close_payment":
                assert (entry["reply"]["outcome"] == "OK") == (entry["reply"]["fault_code"] is None)
        else:
            assert entry["reply"] is None
        for payment in entry["after"]["payments"].values():
            assert set(payment) == {"notice", "status", "history", "recipients"}
            assert payment["notice"] in entry["after"]["positions"]
            assert payment["history"][0] == "PAYING"
            for recipient in payment["recipients"]:
                assert set(recipient) == {"ec", "status", "history"}
                _follows(recipient, RECIPIENT_TRANSITIONS)
        for position in entry["after"]["positions"].values():
            assert set(position) == {"status", "history"}


def _follows(thing, transitions):
    """Check that a history is a path through a table and ends in the status."""
    before = None
    for status in thing["history"]:
        assert status in transitions[before]
        before = status
    assert thing["status"] == before


@settings(max_examples=300, deadline=None)
@given(cases(st.one_of(LAWFUL, FORCED, FORCED)))
def test_a_replay_answers_every_step_of_any_script(case):
    """Every step has an entry of the documented form, receipts follow their table, and histories only grow."""
    printed = _played(case).to_json()
    assert json.loads(json.dumps(printed)) == printed
    _has_the_form(case, printed)
    for before, after in zip(printed["steps"], printed["steps"][1:], strict=False):
        for notice, position in before["after"]["positions"].items():
            later = after["after"]["positions"][notice]
            assert later["history"][: len(position["history"])] == position["history"]


@settings(max_examples=200, deadline=None)
@given(cases(LAWFUL))
def test_without_force_every_history_follows_the_tables(case):
    """Payments and positions too, and no notice has more than one payment that is neither cancelled nor notified."""
    printed = _played(case).to_json()
    for entry in printed["steps"]:
        payments = entry["after"]["payments"].values()
        for payment in payments:
            _follows(payment, PAYMENT_TRANSITIONS)
        for notice, position in entry["after"]["positions"].items():
            _follows(position, POSITION_TRANSITIONS)
            alive = [p for p in payments if p["notice"] == notice and p["status"] != "CANCELLED"]
            assert len(alive) <= 1
            assert (position["status"] == "INSERTED") == (not alive)


@settings(max_examples=60, deadline=None)
@given(cases(st.one_of(LAWFUL, FORCED)))
def test_any_replay_can_be_drawn_and_tabled(case):
    """The diagram is well formed; the table has a row per call and names every payment of the last step."""
    replayed = _played(case)
    well_formed(diagram(replayed))
    table = of_replay(replayed)
    assert table.row_count == len(replayed.trace.calls)
    console = Voice()
    console.width = 400
    with console.capture() as capture:
        console.print(table)
    steps = replayed.to_json()["steps"]
    for name in steps[-1]["after"]["payments"] if steps else ():
        assert f"{name}: PAYING" in capture.get()
