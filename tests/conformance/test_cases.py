"""Files of cases: what is wrong with one is said with its place, all at once; what is only odd is remarked on."""

import json
from pathlib import Path

import pytest

from sim.model.cases import CASES, CaseError, load_cases
from sim.model.replay import replay

from .script import Played, activate, case, close, force_payment, force_position, job, outcome

GOOD = """\
{
  "id": "a",
  "steps": [
    {"do": "activate", "at_s": 0, "notice": "N1", "token": "T1", "ec": "EC1"},
    {"do": "close_payment", "at_s": 1, "tokens": ["T1"], "outcome": "OK"}
  ]
}
"""


def problems(tmp_path, content):
    """Return what is said of a file with this content, without its folder."""
    file = tmp_path / "case.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CaseError) as error:
        load_cases(file)
    return str(error.value).replace(f"{tmp_path}/", "").splitlines()


def test_a_file_has_one_case_or_a_list_of_them(tmp_path):
    """Both are read alike, with a byte order mark or without."""
    file = tmp_path / "case.json"
    for content in (GOOD.encode(), f"[{GOOD}]".encode(), GOOD.encode("utf-8-sig")):
        file.write_bytes(content)
        cases, remarks = load_cases(file)
        assert ([each.id for each in cases], remarks) == (["a"], ())


def test_one_case_of_a_list_can_be_asked_for(tmp_path):
    """By its id; an id that no case has is an error."""
    file = tmp_path / "cases.json"
    file.write_text(json.dumps([{"id": "a", "steps": []}, {"id": "b", "steps": []}]))
    assert [each.id for each in load_cases(file, "b")[0]] == ["b"]
    with pytest.raises(CaseError, match="has no case c"):
        load_cases(file, "c")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "case.json:1:1  is not JSON: Expecting value; correct the syntax"),
        ('{"id": "a",\n "steps": [}', "case.json:2:12  is not JSON: Expecting value; correct the syntax"),
        (b"\xff{}", "case.json:1:1  is not UTF-8 at byte 0; save it as UTF-8"),
        ("3", "case.json:1:1  (file)  is 3; write an object, {...}"),
        ("null", "case.json:1:1  (file)  is nothing; write an object, {...}"),
        ('{"id": "a", "id": "b"}', "case.json:1:19  id  is given twice; keep one of the two"),
        ('[{"id": "[{"}, {"s": [{"a": 1, "a": 2}]}]', "case.json:1:37  1.s.0.a  is given twice; keep one of the two"),
    ],
)
def test_what_is_no_case_at_all_is_refused(tmp_path, content, said):
    """Broken JSON with line and column, another encoding, another kind of value."""
    assert problems(tmp_path, content) == [said]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 100_000, "1:31  (file)  is nested too deeply; write at most 30 levels"),
        (
            '{"id": "[[[", "b": ' + "[" * 30 + "]" * 30 + "}",
            "1:49  (file)  is nested too deeply; write at most 30 levels",
        ),
        ('{"id": ' + "9" * 5000 + ', "steps": []}', "1:8  id  is inf; write a text"),
    ],
    ids=["depth", "depth of a part", "digits"],
)
def test_json_beyond_what_can_be_read_is_refused(tmp_path, content, said):
    """Nesting without end and numbers of thousands of digits are bad input like any other."""
    assert problems(tmp_path, content) == [f"case.json:{said}"]


def test_a_file_without_end_is_refused(tmp_path):
    """No more of it is read than a file of cases may have, 5 MB as a scenario."""
    (tmp_path / "case.json").write_bytes(b" " * 5_000_000 + b"3")
    with pytest.raises(CaseError, match=r"case\.json:1:1  is larger than 5 MB; give the path of a file of cases"):
        load_cases(tmp_path / "case.json")
    if Path("/dev/zero").exists():
        with pytest.raises(CaseError, match="/dev/zero:1:1  is larger than 5 MB"):
            load_cases(Path("/dev/zero"))


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    """A missing file and a folder."""
    with pytest.raises(CaseError, match="No such file"):
        load_cases(tmp_path / "missing.json")
    with pytest.raises(CaseError, match="Is a directory"):
        load_cases(tmp_path)


def test_all_problems_are_said_at_once_with_their_places(tmp_path):
    """Line and column are those of the value, or of the step that lacks it."""
    content = GOOD.replace('"at_s": 0', '"at_s": -1').replace(', "outcome": "OK"', "").replace('["T1"]', "[]")
    assert problems(tmp_path, content) == [
        "case.json:4:32  steps.0.at_s  is -1; write 0 or more",
        "case.json:5:50  steps.1.tokens  has no entries; write one or more",
        "case.json:5:5  steps.1.outcome  is missing; add outcome",
    ]


EUROS = 'write euros and cents, for example "12.50"'
STEPS = "write one of activate, close_payment, send_outcome, next_receipt, job, set, force"
REPLY = "write one of outcome, fault_code, http, description"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"at_s": 1', '"at_s": 1, "psp_anwser": "ko"', "5:54  steps.1.psp_anwser  is not known; write psp_answer"),
        ('"at_s": 0', '"at_s": 2', "5:37  steps.1.at_s  1 s comes after 2 s; order the steps by time"),
        ('"at_s": 0', '"at_s": NaN', "4:32  steps.0.at_s  is nan; write a finite number of seconds"),
        ('"at_s": 0', f'"at_s": {"1" * 5000}', "4:32  steps.0.at_s  is inf; write a finite number of seconds"),
        ('"at_s": 0', '"at_s": true', "4:32  steps.0.at_s  is true; write a number of seconds"),
        ('"at_s": 0', '"at_s": "0"', "4:32  steps.0.at_s  is 0; write a number of seconds"),
        ('"do": "activate", ', "", "4:5  steps.0  does not say what is done; add do"),
        (
            '"do": "activate"',
            '"do": "actvate"',
            f"4:5  steps.0  is to do actvate; {STEPS}",
        ),
        ('"OK"', '"YES"', "5:69  steps.1.outcome  is YES; write OK or KO"),
        ('["T1"]', '"T1"', "5:50  steps.1.tokens  is T1; write a list, [...]"),
        ('"at_s": 0', '"at_s": 0, "amount_eur": -5', f"4:49  steps.0.amount_eur  is -5; {EUROS}"),
        ('"at_s": 0', '"at_s": 0, "amount_eur": "\u0661"', f"4:49  steps.0.amount_eur  is \u0661; {EUROS}"),
        ('"at_s": 0', '"at_s": 0, "amount_eur": "\\u001b[31m"', f"4:49  steps.0.amount_eur  is \ufffd[31m; {EUROS}"),
        (
            '"at_s": 1',
            '"at_s": 1, "expect": {"outcom": "OK"}',
            "5:61  steps.1.expect.outcom  is nothing that a reply has; write outcome",
        ),
        (
            '"at_s": 1',
            '"at_s": 1, "expect": {"token": null}',
            f"5:60  steps.1.expect.token  is nothing that a reply has; {REPLY}",
        ),
    ],
)
def test_a_problem_is_said_with_its_place_and_what_to_write(tmp_path, old, new, said):
    """Of what is misspelt, missing, out of order, of another kind or beyond its limits, in the file's own words."""
    (problem,) = problems(tmp_path, GOOD.replace(old, new))
    assert problem == f"case.json:{said}"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            '"token": "T1", "payment_status": "CANCELED"',
            "steps.0.payment_status  CANCELED is no status; write CANCELLED",
        ),
        ('"notice": "N1", "payment_status": "PAID"', "steps.0.payment_status  is not said of which token; add token"),
        ('"token": "T1"', "steps.0  forces nothing; add payment_status or position_status"),
    ],
)
def test_a_force_that_cannot_be_meant_is_refused(tmp_path, members, said):
    """A status misspelt, a status of nothing, and no status."""
    content = f'{{"id": "a", "steps": [{{"do": "force", "at_s": 0, {members}}}]}}'
    (problem,) = problems(tmp_path, content)
    assert problem.partition("  ")[2] == said


def test_members_that_the_vocabulary_does_not_have_are_remarked_on(tmp_path):
    """They do nothing but tell requests apart; a status of another use case is remarked on as well."""
    file = tmp_path / "case.json"
    steps = [activate(0, channel="x"), force_payment(1, "T1", "PAYING_RPT")]
    file.write_text(json.dumps(case(*steps, author="somebody")))
    _, remarks = load_cases(file)
    assert [remark.partition("  ")[2] for remark in remarks] == [
        "author  is not known, and does nothing",
        "steps.0.channel  is not known, and does nothing",
        "steps.1.payment_status  PAYING_RPT is no status of this use case",
    ]
    same, other = (activate(1, idempotency_key="K", channel=name) for name in "xy")
    played = Played(activate(0, idempotency_key="K", channel="x"), same, other)
    assert [played.said(step) for step in (0, 1, 2)] == ["OK", "OK", "PPT_ERRORE_IDEMPOTENZA"]


def test_a_token_keeps_its_first_label_and_a_label_goes_to_the_last_token():
    """T1's key gives its token again under T2: one payment, T1. After expiry label T1 gets a new token."""
    again = Played(activate(0, idempotency_key="K"), activate(1, label="T2", idempotency_key="K"), close(2, "T2"))
    assert (list(again.steps[-1]["after"]["payments"]), again.said()) == (["T1"], 200)
    renewed = Played(activate(0), job(2000), activate(2001))
    payments = renewed.steps[-1]["after"]["payments"]
    assert {name: payment["status"] for name, payment in payments.items()} == {"#1": "CANCELLED", "T1": "PAYING"}


def test_an_activation_needs_no_label_and_an_amount_may_be_a_number():
    """A token without a label is called by its number; 2 EUR, "2" and "2.00" are the same fee."""
    played = Played({"do": "activate", "at_s": 0, "notice": "N1", "ec": "EC1", "amount_eur": 10})
    assert (played.said(), list(played.steps[-1]["after"]["payments"])) == ("OK", ["#1"])
    for fee in (2, 2.0, "2", "2.00"):
        assert Played(activate(0), close(1, fee_eur=2), outcome(5, fee_eur=fee)).said() == "OK"


def test_a_force_without_its_subject_overwrites_nothing():
    """As an UPDATE that finds no row: T2 was never issued, N9 never activated."""
    played = Played(activate(0), force_payment(1, "T2", "PAID"), {**force_payment(2, "T1", "PAID"), "token": "T9"})
    assert played.steps[1]["after"] == played.steps[0]["after"] == played.steps[2]["after"]
    assert [call.name for call in played.replayed.trace.calls[2:]] == [
        "force T2 PAID: there is no T2",
        "force T9 PAID: there is no T9",
    ]


def test_what_was_forced_may_then_move_anywhere():
    """N1 is forced PAID and the job cancels its token; T1 is forced PAYING in flight and the PSP accepts it."""
    cancelled = Played(activate(0), force_position(1, "N1", "PAID"), job(2000))
    assert (cancelled.status(), cancelled.position()) == ("CANCELLED", "INSERTED")
    accepted = Played(activate(0), close(1, psp_delay_s=5), force_payment(2, "T1", "PAYING"), outcome(20))
    assert (accepted.said(), accepted.history()[-1]) == ("OK", "NOTIFIED")


def test_a_forced_position_decides_who_may_activate():
    """Forced INSERTED it is payable although a token is open; forced PAYING it is blocked although none is."""
    free = Played(activate(0), force_position(1, "N1", "INSERTED"), activate(2, label="T2"))
    assert free.said() == "OK"
    blocked = Played(activate(0), job(2000), force_position(2001, "N1", "PAYING"), activate(2002, label="T2"))
    assert blocked.said() == "PPT_PAGAMENTO_IN_CORSO"


def test_cases_are_replayed_one_by_one_in_their_order():
    """A replay leaves nothing behind for the next."""
    cases = CASES.validate_python([{**case(activate(0)), "id": name} for name in "ab"])
    first, second = replay(cases)
    assert (first.to_json()["id"], second.to_json()["id"]) == ("a", "b")
    assert first.to_json()["steps"] == second.to_json()["steps"]
