"""A replay as a table and as a sequence diagram."""

import pytest

from sim.report.replays import of_replay
from sim.report.sequence import diagram, page
from sim.report.terminal import Voice

from .mermaid import well_formed
from .script import Played, activate, close, force_payment, job, outcome

STEPS = (activate(0, idempotency_key="K"), close(10, psp_answer="timeout"), outcome(20, expect={"outcome": "KO"}))
DIAGRAM = """\
sequenceDiagram
    participant p0 as Checkout
    participant p1 as Node
    participant p2 as EC1
    participant p3 as PSP
    p0->>p1: activatePaymentNoticeV2 N1, 10.00 EUR, key K
    p1->>p2: paGetPayment N1
    p2-->>p1: ok
    Note over p1: T1: PAYING<br/>N1: PAYING
    p1-->>p0: OK, token T1
    Note over p0,p3: 10 s
    p0->>p1: closePaymentV2 T1: OK
    Note over p1: T1: PAYMENT_RESERVED, PAYMENT_SENT
    p1-->>p0: 200 OK
    p1->>p3: pspNotifyPaymentV2 T1
    Note over p0,p3: 19 s
    Note over p1: pspNotifyPaymentV2 timeout
    Note over p1: T1: PAYMENT_UNKNOWN
    Note over p0,p3: 20 s
    p3->>p1: sendPaymentOutcomeV2 T1: OK
    Note over p1: T1: PAID, NOTICE_GENERATED, NOTICE_SENT<br/>N1: PAID<br/>T1 at EC1: NOTICE_GENERATED, NOTICE_SENT
    p1-->>p3: OK
    p1->>p2: paSendRT T1
    p2-->>p1: ok
    Note over p1: T1 at EC1: NOTIFIED<br/>N1: NOTIFIED<br/>T1: NOTIFIED
"""


def lines(played, width):
    """Return the table of a replay as it is shown at a width, without the spaces at the ends of lines."""
    console = Voice()
    console.width = width
    with console.capture() as capture:
        console.print(of_replay(played.replayed))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_the_diagram_has_every_call_and_every_change_in_order_of_time():
    """An unanswered notification, then the outcome; times as notes over everybody, changes over the Node."""
    assert diagram(Played(*STEPS).replayed) == DIAGRAM


def test_a_call_that_cannot_be_made_ends_in_a_cross():
    """An unreachable EC gets an arrow with a cross and gives no answer."""
    drawn = well_formed(diagram(Played(activate(0, ec_answer="unreachable")).replayed))
    assert drawn == [("p0", "->>", "p1"), ("p1", "-x", "p2"), ("p1", "-->>", "p0")]


@pytest.mark.parametrize("name", ["a;b", "#1", "%%{init}%%", "<br/>", "end", "x\ny", "a:b", "-->>", "", "\ud800"])
def test_names_cannot_break_a_diagram_or_a_table(name):
    """Whatever notices, tokens and ECs are called, they are text."""
    played = Played(activate(0, name, name, name), close(1, name), force_payment(2, name, "PAID"), job(3))
    assert len(well_formed(diagram(played.replayed))) == 8
    assert len(lines(played, 120)) >= 6


def test_a_page_has_a_diagram_for_each_case():
    """Markdown: a heading and a block of Mermaid for each."""
    replayed = Played(*STEPS).replayed
    assert page([replayed, replayed]) == "\n".join([f"## scripted\n\n```mermaid\n{DIAGRAM}```\n"] * 2)


def test_the_table_has_a_row_for_each_call_with_its_answer_and_what_it_changed():
    """Read by column: what the table says of each call, in the order of the calls."""
    rows = [line.split("  ") for line in lines(Played(*STEPS), 200)]
    seen = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert seen == [
        ["scripted"],
        ["at", "call", "answer", "changes"],
        ["0 s", "Checkout > Node: activatePaymentNoticeV2 N1, 10.00 EUR, key K", "OK, token T1"],
        ["Node > EC1: paGetPayment N1", "ok", "T1: PAYING"],
        ["N1: PAYING"],
        ["10 s", "Checkout > Node: closePaymentV2 T1: OK", "200 OK", "T1: PAYMENT_RESERVED, PAYMENT_SENT"],
        ["Node > PSP: pspNotifyPaymentV2 T1", "timeout, at 19 s", "T1: PAYMENT_UNKNOWN"],
        ["20 s", "PSP > Node: sendPaymentOutcomeV2 T1: OK", "OK", "T1: PAID, NOTICE_GENERATED, NOTICE_SENT"],
        ["expected: KO", "N1: PAID"],
        ["T1 at EC1: NOTICE_GENERATED, NOTICE_SENT"],
        ["Node > EC1: paSendRT T1", "ok", "T1 at EC1: NOTIFIED"],
        ["N1: NOTIFIED"],
        ["T1: NOTIFIED"],
    ]


def test_the_table_breaks_no_name_of_a_call_or_status_at_80_columns():
    """Every primitive and every status stands whole on some line, and no line is longer than the terminal."""
    shown = lines(Played(*STEPS), 80)
    assert max(map(len, shown)) <= 80
    words = {word.strip(":,") for line in shown for word in line.split()}
    assert words >= {"activatePaymentNoticeV2", "pspNotifyPaymentV2", "sendPaymentOutcomeV2", "PAYMENT_RESERVED"}


def test_what_refuses_names_the_fault_and_its_description():
    """A discordant outcome KO after acceptance: code and the Node's own words."""
    shown = " ".join(lines(Played(activate(0), close(1), outcome(2, said="KO")), 200))
    assert "KO PPT_SEMANTICA (Esito discorde)" in shown
