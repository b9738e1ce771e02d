"""One payment's story: what happened when, why, and by which rule.

The world's times are reckoned in `model.worlds`; all are seconds after the cart's arrival, which is at 50 s of the run.
"""

import doctest

import pytest

from sim.protocol.rules import RULES
from sim.reader import Recorded, payment_id
from sim.records import STATE_NAMES
from sim.report.stories import times
from sim.report.stories.reasons import cause
from sim.report.stories.story import Deadlines, story
from sim.report.stories.telling import moments
from sim.report.stories.text import of_story
from sim.report.stories.times import window_s
from sim.report.terminal import Voice
from sim.store import StoreError

from .story_world import lines, odd, stored, told

ENDS = "psps.psp.pspNotifyPaymentV2.ends"
RULES_OF_FAULTS = {
    "PPT_PAGAMENTO_IN_CORSO": {("R3",)},
    "PPT_PAGAMENTO_DUPLICATO": {("R3",), ("R13",)},
    "PPT_ATTIVAZIONE_IN_CORSO": {("R3",)},
    "PPT_ERRORE_EMESSO_DA_PAA": {("R2",)},
    "PPT_STAZIONE_INT_PA_TIMEOUT": {("R2",)},
    "PPT_TOKEN_SCADUTO": {("R13",)},
    "PPT_TOKEN_SCADUTO_KO": {("R13",)},
    "PPT_SEMANTICA": {("R8",), ("R10",), ("R7",)},
}
"""The rules by which the Node answers with a fault (design.md, section 2)."""


@pytest.fixture(scope="module")
def of_odd(tmp_path_factory):
    """Return all stories of the run in which everything goes wrong."""
    run = Recorded(odd(tmp_path_factory.mktemp("odd"), "run.window=30 s").folder)
    payments = run.columns("payments", 0, ("cart", "attempt", "notice"))
    keys = zip(*(payments[name].tolist() for name in ("cart", "attempt", "notice")), strict=True)
    return [story(run, payment_id("{}.{}.{}".format(*key))) for key in keys]


def at(one, *, kind="changed"):
    """Return what changed or happened in a story: when, what, and by which rules."""
    return [(after_s, what, rules) for after_s, which, what, _, rules in lines(one) if which == kind]


def ended(one, call):
    """Return how the sends of a call ended: when, what is said of it, and the rules."""
    return [(s, said, rules) for s, kind, what, said, rules in lines(one) if kind == "ended" and what.startswith(call)]


def text(one, width=110):
    """Return a story as it is printed at a width."""
    console = Voice()
    console.width = width
    with console.capture() as capture:
        console.print(of_story(one))
    return capture.get()


def test_a_payment_that_goes_well_has_every_moment_of_its_life_in_order(tmp_path):
    """The table in `model.worlds`, line by line; at one instant a cause stands before its effect."""
    assert [(after_s, kind, what) for after_s, kind, what, *_ in lines(told(tmp_path))] == [
        (0.0, "happened", "comes with the cart"),
        (0.0, "made", "activatePaymentNoticeV2"),
        (0.11, "made", "paGetPayment"),
        (0.65, "ended", "paGetPayment"),
        (0.65, "changed", "payment: PAYING; position: PAYING"),
        (0.66, "ended", "activatePaymentNoticeV2"),
        (60.66, "happened", "the gateway authorises: the citizen's money is taken"),
        (60.66, "made", "closePaymentV2 OK"),
        (60.67, "changed", "payment: PAYMENT_RESERVED, PAYMENT_SENT"),
        (60.77, "made", "pspNotifyPaymentV2"),
        (60.78, "ended", "closePaymentV2 OK"),
        (61.43, "ended", "pspNotifyPaymentV2"),
        (61.43, "changed", "payment: PAYMENT_ACCEPTED"),
        (62.5, "made", "sendPaymentOutcomeV2 OK"),
        (
            62.53,
            "changed",
            "payment: PAID; position: PAID; payment: NOTICE_GENERATED; receipt: NOTICE_GENERATED, NOTICE_SENT; "
            "payment: NOTICE_SENT",
        ),
        (62.63, "made", "sendPaymentResult-v2 OK"),
        (62.63, "made", "paSendRT"),
        (62.64, "happened", "goes back to the EC's site"),
        (62.65, "ended", "sendPaymentResult-v2 OK"),
        (62.66, "ended", "sendPaymentOutcomeV2 OK"),
        (63.37, "ended", "paSendRT"),
        (63.37, "changed", "receipt: NOTIFIED; position: NOTIFIED; payment: NOTIFIED"),
    ]


def test_a_call_that_waited_for_a_connection_says_so(tmp_path):
    """One connection for two notices: the first holds it from 0.11 to 0.65 s, the second wants it from 0.11 s on."""
    second = told(tmp_path, "node.ec_pool.size=1", "cart.notices={2: 1}", payment="0.0.1")
    asking = [(after_s, what) for after_s, kind, what, *_ in lines(second) if kind == "made" and "paGet" in what]
    assert asking == [(0.65, "paGetPayment, after waiting 540 ms for a connection")]


def test_a_payment_that_goes_well_names_the_rules_of_each_step(tmp_path):
    """R1 activation, R3 one token, R4 close, R5 notification, R9 outcome, R11 receipt, R12 debt position."""
    one = told(tmp_path)
    assert [rules for _, _, rules in at(one)] == [("R1", "R3"), ("R4", "R5"), ("R5",), ("R9", "R11"), ("R11",)]
    assert ended(one, "sendPaymentOutcomeV2") == [(62.66, "taken, 1.1 s after the acceptance", ("R9",))]
    assert ended(one, "paSendRT")[0][2] == ("R11", "R12")


def test_a_psp_that_refuses_cancels_and_reverses_by_r6(tmp_path):
    """KO at 61.43: cancelled at once; Checkout hears it 10 ms later and the gateway takes 3 s."""
    one = told(tmp_path, f"{ENDS}.ko=100%")
    assert (61.43, "payment: PAYMENT_REFUSED, CANCELLED; position: INSERTED", ("R6",)) in at(one)
    assert at(one, kind="happened")[-2:] == [
        (61.44, "asks the gateway to give the money back (psp_refused)", ("R6",)),
        (64.44, "the money is given back", ()),
    ]


def test_a_technical_exception_waits_by_r7_and_is_swept_by_r15(tmp_path):
    """No answer within 7 s of 60.77; the token of 0.65 lasts 30 min; the next sweep is at 1860 s, 1810 s later."""
    one = told(tmp_path, f"{ENDS}.lost_request=100%")
    assert ended(one, "pspNotifyPaymentV2")[0] == (
        67.77,
        "no answer within 7 s; the Node waits for an outcome OK or for expiry",
        ("R7",),
    )
    assert at(one)[-2:] == [
        (67.77, "payment: PAYMENT_UNKNOWN", ("R7",)),
        (1810.0, "payment: CANCELLED; position: INSERTED", ("R15", "R7")),
    ]
    assert (1800.65, "the token's deadline passes; the notice stays blocked", ("R15",)) in at(one, kind="happened")
    assert at(one, kind="happened")[-2:] == [
        (1810.01, "asks the gateway to give the money back (token_expired)", ("R7",)),
        (1813.01, "the money is given back", ()),
    ]


def test_a_close_that_comes_too_late_is_refused_by_r4(tmp_path):
    """A token of 5 s, issued at 0.65, is swept at 60 s of the run, 10 s after the arrival; the close is there at 60.67.

    Citizen and gateway take a minute. The sweep is by R15, which is named once; the money, just taken, goes back by R4.
    """
    one = told(tmp_path, "protocol.token_validity=5 s")
    because = "citizen and gateway took longer than the token lasts"
    because = f"mod3CancelV2, the first sweep after the token's deadline: {because}"
    swept = (10.0, "changed", "payment: CANCELLED; position: INSERTED", because, ("R15",))
    assert swept in lines(one)
    said = "refused, since the token had expired; what was open of the cart is cancelled"
    assert ended(one, "closePaymentV2 OK") == [(60.78, said, ("R4",))]
    asked = "asks the gateway to give the money back (close_rejected)"
    assert (60.78, asked, ("R4",)) in at(one, kind="happened")


def test_as_observed_the_close_replaces_the_deadline(tmp_path):
    """Closed at 60.67 plus an hour, not issued at 0.65 plus a quarter; swept at 3720 s, 3670 s after the arrival."""
    one = told(tmp_path, f"{ENDS}.lost_request=100%", "protocol.preset=nodo-observed")
    assert (3660.67, "the token's deadline passes; the notice stays blocked", ("R15",)) in at(one, kind="happened")
    assert at(one)[-1] == (3670.0, "payment: CANCELLED; position: INSERTED", ("R15", "R7"))


def test_as_observed_a_psp_out_of_reach_is_final(tmp_path):
    """No connection 60 ms after 60.77: R7, and nobody waits."""
    one = told(tmp_path, f"{ENDS}.unreachable=100%", "protocol.preset=nodo-observed")
    assert ended(one, "pspNotifyPaymentV2") == [(60.83, "no connection; as observed, final", ("R7",))]
    assert at(one)[-1] == (60.83, "payment: PAYMENT_SEND_ERROR, CANCELLED; position: INSERTED", ("R7",))


def test_an_outcome_ko_after_acceptance_is_refused_by_r10(tmp_path):
    """Nothing changes at 62.53; the payment waits, in vain, until the sweep."""
    one = told(tmp_path, "psps.psp.outcome_ko=100%")
    said = "PPT_SEMANTICA, discordant since only an OK can follow; nothing changes"
    assert ended(one, "sendPaymentOutcomeV2 KO") == [(62.66, said, ("R10",))]
    assert at(one)[-2:] == [
        (61.43, "payment: PAYMENT_ACCEPTED", ("R5",)),
        (1810.0, "payment: CANCELLED; position: INSERTED", ("R15", "R10")),
    ]


def test_an_outcome_after_the_psps_own_ko_is_refused_by_r8(tmp_path):
    """It was refused at 61.43, and an outcome comes all the same at 62.53."""
    one = told(tmp_path, f"{ENDS}.ko=100%", "psps.psp.outcome_after_ko=100%")
    said = "PPT_SEMANTICA, discordant since the PSP had refused; nothing changes"
    assert ended(one, "sendPaymentOutcomeV2") == [(62.66, said, ("R8",))]


def test_an_outcome_after_two_seconds_is_taken_and_late_by_r16(tmp_path):
    """Booked at 61.40, sent 5 s later: 5 s after the acceptance at 61.43; R9 asks for 2 s, R16 does not enforce it."""
    one = told(tmp_path, "psps.psp.outcome_delay=5 s")
    assert ended(one, "sendPaymentOutcomeV2") == [(66.56, "taken, 5 s after the acceptance: over 2 s", ("R9", "R16"))]


def test_an_outcome_while_the_notification_is_in_flight_waits_for_its_result(tmp_path):
    """The PSP's answer is lost; its outcome is there at 62.53 and waits until the Node gives up at 67.77."""
    one = told(tmp_path, f"{ENDS}.lost_reply=100%")
    said = "taken once the notification in flight had ended without a usable response"
    assert ended(one, "sendPaymentOutcomeV2") == [(67.8, said, ("R7", "R16"))]
    assert "(waiting for the notification 5.24 s, network 60 ms)" in text(one, 400)
    assert [(after_s, rules) for after_s, _, rules in at(one)[2:4]] == [(67.77, ("R7",)), (67.77, ("R7", "R11"))]


def test_an_outcome_after_the_token_was_cancelled_is_late_by_r13(tmp_path):
    """Accepted at 61.43, swept at 1810, and an outcome at 3000: refused, whatever it says."""
    one = told(tmp_path, "psps.psp.outcome_delay=2938.57 s")
    said = "PPT_TOKEN_SCADUTO, late since the token was cancelled 19 min 50 s before; nothing changes"
    assert ended(one, "sendPaymentOutcomeV2") == [(3000.13, said, ("R13",))]
    assert at(one)[-1] == (1810.0, "payment: CANCELLED; position: INSERTED", ("R15", "R13"))


def test_a_refusal_of_the_ec_fails_the_cart_by_r2(tmp_path):
    """No token, no change of status, and the EC's refusal as the Node passes it on."""
    one = told(tmp_path, "ecs.ec.paGetPayment.ends.ko=100%")
    assert at(one) == []
    assert ended(one, "paGetPayment") == [(0.65, "the EC refuses", ("R2",))]
    assert ended(one, "activate") == [(0.66, "PPT_ERRORE_EMESSO_DA_PAA, the EC refused", ("R2",))]


def test_a_citizen_who_cancels_closes_by_r4(tmp_path):
    """A close KO after 40 s of thinking; the tokens are cancelled when the Node takes it, and nobody is notified."""
    one = told(tmp_path, "citizen.cancel=100%")
    assert at(one)[-1] == (40.67, "payment: CANCELLED; position: INSERTED", ("R4",))
    assert ended(one, "closePaymentV2 KO") == [(40.78, "taken; the tokens are cancelled, nobody is notified", ("R4",))]


def test_a_receipt_without_an_answer_is_pending_and_sent_again_by_r11(tmp_path):
    """The EC has it at 63.35, but its answer is lost: pending 15 s after 62.63, sent again by the job at 3600 s."""
    one = told(tmp_path, "ecs.ec.paSendRT.ends.lost_reply=100%", "protocol.receipt_max_retries=1")
    assert (63.35, "has the receipt and closes the debt position", ("R12",)) in at(one, kind="happened")
    assert at(one)[-3:] == [
        (77.63, "receipt: NOTICE_PENDING", ("R11",)),
        (3550.0, "receipt: NOTICE_SENT; payment: NOTICE_SENT", ("R11",)),
        (3565.0, "receipt: NOTICE_PENDING", ("R11",)),
    ]
    assert [said for _, said, _ in ended(one, "paSendRT")] == [
        "no answer within 15 s, though ec 0 had taken it; paSendRt sends it again",
        "no answer within 15 s, though ec 0 had taken it; it stays pending",
    ]


def test_a_cart_fails_when_another_notice_cannot_be_activated(of_odd):
    """R2: the story of the notice that got its token says which other one failed, and with which fault."""
    seen = 0
    for one in of_odd:
        failed = {row["notice"]: row["fault"] for row in one.siblings if row["fault"] != "none"}
        said = {what for _, what, rules in at(one, kind="happened") if rules == ("R2",)}
        faults = {notice: fault.replace("transport", "no answer") for notice, fault in failed.items()}
        assert said == {f"notice {n} of the cart could not be activated ({fault})" for n, fault in faults.items()}
        seen += len(said)
    assert seen > 10


def test_every_call_and_every_change_is_told_once_and_in_order(of_odd):
    """Over a run in which everything goes wrong: nothing is lost, and no moment stands before an earlier one."""
    for one in of_odd:
        found = moments(one)
        assert [each.at_s for each in found] == sorted(each.at_s for each in found)
        for kind in ("made", "ended"):
            assert {id(each.call) for each in found if each.kind == kind} == {id(call) for call in one.calls}
        changes = [part.split(": ") for each in found if each.kind == "changed" for part in each.what.split("; ")]
        assert [(subject, status) for subject, statuses in changes for status in statuses.split(", ")] == [
            (change.subject, change.status) for change in one.changes
        ]
    assert sum(len(one.calls) for one in of_odd) > 500


def test_refusals_of_the_node_name_the_rules_that_the_design_gives_them(of_odd):
    """Each fault has the rule of the table in the design, and most of them occur."""
    seen = set()
    for one in of_odd:
        for moment in moments(one):
            call = moment.call
            if moment.kind == "ended" and call is not None and call.fault in RULES_OF_FAULTS:
                assert moment.because.rules in RULES_OF_FAULTS[call.fault]
                seen.add(call.fault)
    assert len(seen) >= 5


def test_all_rules_named_are_rules(of_odd):
    """What a story cites is in the registry, so that its text can be printed below."""
    named = {rule for one in of_odd for moment in moments(one) for rule in moment.because.rules}
    assert named <= {rule.code for rule in RULES}
    assert named >= {"R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R12", "R13", "R14"}
    assert named >= {"R15", "R16"}


@pytest.mark.parametrize("status", STATE_NAMES)
def test_every_status_has_a_cause(status):
    """A call or a job of the Node, for a payment that was paid in time and for one that was cancelled by a sweep."""
    for cancelled in ("none", "abandoned"):
        payment = {"paid_s": 10.0, "cancel_cause": cancelled if cancelled != "none" else "psp_refused"}
        assert cause(status, 10.0, payment)


def test_the_text_says_first_who_and_how_it_ended(tmp_path):
    """Amount, EC, PSP, status, money and what the citizen knows; then every rule cited with its words."""
    shown = text(told(tmp_path, f"{ENDS}.ko=100%"))
    assert shown.splitlines()[:3] == [
        "payment 0:0.0.0 of by-hand, seed 1",
        "  cart 0, notice 0 (of 1), try 0 (of 1), all counted from 0; 50.00 EUR to ec 0, by psp",
        "  ended CANCELLED (psp_refused); the money was given back (psp_refused); the citizen knows: not paid",
    ]
    assert "R6 A valid KO of the PSP makes the payments PAYMENT_REFUSED, then CANCELLED" in " ".join(shown.split())


def test_a_line_of_the_text_has_both_times_the_call_its_parts_and_its_rules(tmp_path):
    """PAID by the outcome: sent at 112.5 s of the run, 62.5 s after the request, 60 ms of its 160 ms on the way."""
    shown = text(told(tmp_path), width=200)
    (line,) = [each for each in shown.splitlines() if "+62.500 s" in each]
    assert [word.strip() for word in line.split("  ") if word.strip()] == [
        "0:01:52.500",
        "+62.500 s",
        "psp > Node: sendPaymentOutcomeV2 OK",
        "ok after 160 ms (service 100 ms, network 60 ms): taken, 1.1 s after the acceptance",
        "R9",
    ]


@pytest.mark.parametrize("width", [80, 110, 200])
def test_the_text_breaks_no_time_and_no_status(of_odd, width):
    """Times, statuses and rules stand whole on some line, and no line is longer than the terminal."""
    shown = [each.rstrip() for each in text(of_odd[0], width).splitlines()]
    assert max(map(len, shown)) <= width
    words = {word.strip("():;,") for each in shown for word in each.split()}
    changes = [each for each in moments(of_odd[0]) if each.kind == "changed"]
    assert {word.strip(":;,") for each in changes for word in each.what.split()} <= words
    assert {times.clock(each.at_s) for each in changes} <= words


def test_a_payment_that_is_not_there_is_refused_with_what_is(tmp_path):
    """Another cart, another notice of the cart, another replication: each says what the run has."""
    run = Recorded(stored(tmp_path).folder)
    for wanted, said in (
        ("7.0.0", "has no payment 0:7.0.0; replication 0 has carts 0 to 0"),
        ("0.0.3", "has no payment 0:0.0.3; of cart 0 there is 0:0.0.0"),
        ("2:0.0.0", "has no replication 2, but only 0"),
    ):
        with pytest.raises(StoreError, match=f".*: {said}"):
            story(run, payment_id(wanted))


@pytest.mark.parametrize("words", ["", "1.2", "a.b.c", "1.2.3.4", "-1.0.0", "1.0.9.", "1:2:3.0.0", "1.0.0; rm"])
def test_what_names_no_payment_is_refused_with_an_example(words):
    """The message says how a payment is written."""
    with pytest.raises(ValueError, match=r"write cart\.try\.notice"):
        payment_id(words)


def test_an_id_may_name_its_replication():
    """`3:12.0.1`, and without one the replication that is meant."""
    assert (payment_id("3:12.0.1"), payment_id(" 12.0.1 ", 5)) == ((3, 12, 0, 1), (5, 12, 0, 1))
    assert str(payment_id("3:12.0.1")) == "3:12.0.1"


def test_times_are_read_as_they_are_written():
    """The examples in the documentation hold, and a moment that a story prints can be a window's end."""
    assert doctest.testmod(times).failed == 0
    assert doctest.testmod(times).attempted == 3
    assert window_s("0:10:00.500..11.5 min") == (600.5, 690.0)


@pytest.mark.parametrize("words", ["10m", "11m..10m", "10m..10m", "..", "a..b", "1m..2 apples"])
def test_what_is_no_window_is_refused(words):
    """Two moments in order, in units that the scenario language knows."""
    with pytest.raises(ValueError, match="write"):
        window_s(words)


def test_deadlines_follow_the_preset_and_what_overrides_it():
    """30 min and no extension in the text, 15 min and an hour as observed; a scenario may say otherwise."""
    assert Deadlines.of({"preset": "sanp-3.6.1"}) == Deadlines(1800.0, None)
    assert Deadlines.of({"preset": "nodo-observed"}) == Deadlines(900.0, 3600.0)
    changed = {"preset": "nodo-observed", "token_validity": "300.0 s", "token_extension": "none"}
    assert Deadlines.of(changed) == Deadlines(300.0, None)
