"""Each rule of the use case, R1-R16, as a named test of the Node's ledger.

Expected values are the rules' own words (SANP 3.6.1, "Pagamento presso frontend dell'EC", and the real Node's
public tests where the text is silent).
"""

from dataclasses import replace

import pytest

from sim.protocol.faults import Fault
from sim.protocol.ledger import Ledger
from sim.protocol.messages import Activate, Answer, Close, Outcome, SendOutcome
from sim.protocol.settings import OBSERVED, PRESETS, SANP

OK, KO = Outcome.OK, Outcome.KO


def activated(ledger, notice="N1", now=0.0, **request):
    """Activate a notice whose EC says ok; return the token."""
    asked = Activate(notice, f"EC of {notice}", 1000, **request)
    reply = ledger.ec_answered(ledger.activate(asked, now), asked, Answer.OK, now)
    assert reply.outcome is OK
    return reply.token


def closed(ledger, *notices, answer=Answer.OK, now=0.0):
    """Activate and close a cart and let the PSP answer; return its tokens and the closing."""
    tokens = tuple(activated(ledger, notice, now) for notice in notices or ("N1",))
    reply, closing = ledger.close(Close(tokens, OK, 100, "psp"), now)
    assert reply.http == 200
    ledger.psp_answered(closing, answer, now)
    return tokens, closing


def outcome(ledger, tokens, which=OK, now=1.0, **request):
    """Send an outcome; return the fault code, or OK."""
    reply, _ = ledger.outcome(SendOutcome(tuple(tokens), which, psp="psp", **request), now)
    return reply.fault_code or reply.outcome


def statuses(ledger, tokens):
    return [str(ledger.payments[t].status) for t in tokens]


@pytest.fixture(params=sorted(PRESETS))
def ledger(request):
    return Ledger(PRESETS[request.param])


def test_r1_a_cart_of_n_notices_makes_n_activations_each_at_its_own_ec(ledger):
    """Five notices, five tokens, five different ECs asked."""
    tokens = [activated(ledger, f"N{i}") for i in range(5)]
    assert len(set(tokens)) == 5
    assert {ledger.payments[t].request.ec for t in tokens} == {f"EC of N{i}" for i in range(5)}


def test_r2_tokens_already_issued_stay_open_when_a_sibling_fails(ledger):
    """The sibling's failure leaves the issued token PAYING, and its notice blocked."""
    token = activated(ledger)
    asked = Activate("N2", "EC2", 1000)
    reply = ledger.ec_answered(ledger.activate(asked, 0.0), asked, Answer.TIMEOUT, 7.0)
    assert reply.fault_code is Fault.PPT_STAZIONE_INT_PA_TIMEOUT
    assert statuses(ledger, [token]) == ["PAYING"]
    assert ledger.activate(Activate("N1", "EC1", 1000), 8.0).fault_code is Fault.PPT_PAGAMENTO_IN_CORSO


def test_r3_a_notice_has_at_most_one_open_token(ledger):
    """A second activation is refused while the first token is open, and differently once it is paid."""
    (token,), _ = closed(ledger)
    again = Activate("N1", "EC of N1", 1000)
    assert ledger.activate(again, 1.0).fault_code is Fault.PPT_PAGAMENTO_IN_CORSO
    assert outcome(ledger, [token]) is OK
    assert ledger.activate(again, 2.0).fault_code is Fault.PPT_PAGAMENTO_DUPLICATO


def test_r4_close_is_all_or_nothing(ledger):
    """An unknown token: 404 and the others cancelled; an expired one: 400; already closed: 422."""
    known = activated(ledger, "N1")
    assert ledger.close(Close((known, "no such token"), OK, 0), 1.0)[0].http == 404
    assert statuses(ledger, [known]) == ["CANCELLED"]
    other = activated(ledger, "N2")
    assert ledger.close(Close((known, other), OK, 0), 1.0)[0].http == 400
    assert statuses(ledger, [other]) == ["CANCELLED"]
    tokens, _ = closed(ledger, "N3")
    assert ledger.close(Close(tokens, OK, 0), 1.0)[0].http == 422


def test_r4_close_ko_cancels_and_notifies_nobody(ledger):
    """After close KO there is nothing to notify, and the notice is payable again."""
    token = activated(ledger)
    reply, closing = ledger.close(Close((token,), KO, 0), 1.0)
    assert (reply.outcome, reply.http, closing) == (OK, 200, None)
    assert statuses(ledger, [token]) == ["CANCELLED"]
    activated(ledger, "N1", 2.0)


def test_r5_one_notification_covers_the_whole_cart(ledger):
    """One closing carries both tokens; the PSP's OK accepts both."""
    tokens, closing = closed(ledger, "N1", "N2")
    assert [p.token for p in closing.payments] == list(tokens)
    assert statuses(ledger, tokens) == ["PAYMENT_ACCEPTED"] * 2


def test_r6_a_valid_ko_cancels_the_cart_at_once(ledger):
    """PAYMENT_REFUSED, then CANCELLED; the driver is told to reverse."""
    seen = []
    ledger.watch = lambda thing, payment, now: seen.append(str(thing.status))
    token = activated(ledger)
    _, closing = ledger.close(Close((token,), OK, 0, "psp"), 0.0)
    assert ledger.psp_answered(closing, Answer.KO, 1.0) is True
    assert [s for s in seen if s in ("PAYMENT_REFUSED", "CANCELLED")] == ["PAYMENT_REFUSED", "CANCELLED"]


@pytest.mark.parametrize("answer", [Answer.TIMEOUT, Answer.MALFORMED])
def test_r7_a_technical_exception_waits_for_an_outcome_or_for_expiry(ledger, answer):
    """An outcome OK pays; an outcome KO is refused; without either the job cancels at the deadline."""
    tokens, closing = closed(ledger, "N1", answer=answer)
    assert statuses(ledger, tokens) == ["PAYMENT_UNKNOWN"]
    assert outcome(ledger, tokens, KO) is Fault.PPT_SEMANTICA
    assert outcome(ledger, tokens) is OK
    tokens, closing = closed(ledger, "N2", answer=answer)
    assert ledger.mod3_cancel_v2(closing.deadline)[1] == [closing]
    assert statuses(ledger, tokens) == ["CANCELLED"]


def test_r7_an_unreachable_psp_waits_in_the_text_and_is_final_as_observed():
    """The two presets differ: a technical exception, or cancelled at once."""
    for settings, status in ((SANP, "PAYMENT_UNKNOWN"), (OBSERVED, "CANCELLED")):
        ledger = Ledger(settings)
        assert statuses(ledger, closed(ledger, answer=Answer.UNREACHABLE)[0]) == [status]


def test_r8_an_outcome_after_the_psps_ko_is_refused_and_changes_nothing():
    """KO for a discordant outcome: PPT_SEMANTICA in the text, PPT_TOKEN_SCADUTO as observed."""
    for settings, fault in ((SANP, Fault.PPT_SEMANTICA), (OBSERVED, Fault.PPT_TOKEN_SCADUTO)):
        ledger = Ledger(settings)
        tokens, _ = closed(ledger, answer=Answer.KO)
        assert outcome(ledger, tokens) is fault
        assert statuses(ledger, tokens) == ["CANCELLED"]


def test_r9_one_outcome_pays_all_tokens_of_the_cart(ledger):
    """One OK for both tokens pays both; an outcome that names a part is refused."""
    tokens, _ = closed(ledger, "N1", "N2")
    assert outcome(ledger, tokens[:1]) is Fault.PPT_SEMANTICA
    assert statuses(ledger, tokens) == ["PAYMENT_ACCEPTED"] * 2
    assert outcome(ledger, tokens) is OK
    assert statuses(ledger, tokens) == ["NOTICE_SENT"] * 2


def test_r10_outcome_ko_after_acceptance_is_refused_and_changes_nothing(ledger):
    """`PPT_SEMANTICA`, "Esito discorde"; an OK may still follow."""
    tokens, _ = closed(ledger)
    reply, recipients = ledger.outcome(SendOutcome(tokens, KO, psp="psp"), 1.0)
    assert (reply.fault_code, reply.description, recipients) == (Fault.PPT_SEMANTICA, "Esito discorde", [])
    assert statuses(ledger, tokens) == ["PAYMENT_ACCEPTED"]
    assert outcome(ledger, tokens) is OK


@pytest.mark.parametrize("answer", [Answer.TIMEOUT, Answer.MALFORMED, Answer.UNREACHABLE])
def test_r11_a_receipt_without_an_answer_is_sent_again_within_its_policy(answer):
    """NOTICE_PENDING, 2 retries, then it stays pending; nothing goes out for a payment not made."""
    ledger = Ledger(replace(OBSERVED, receipt_max_retries=2))
    tokens, _ = closed(ledger)
    _, (recipient,) = ledger.outcome(SendOutcome(tokens, OK, psp="psp"), 1.0)
    for _ in range(2):
        ledger.receipt_answered(recipient, answer, 2.0)
        assert ledger.pa_send_rt(3600.0) == [recipient]
    ledger.receipt_answered(recipient, answer, 4.0)
    assert ledger.pa_send_rt(7200.0) == []
    assert (recipient.sends, str(recipient.status)) == (3, "NOTICE_PENDING")


def test_r11_a_valid_ko_of_the_ec_is_final(ledger):
    """The receipt is NOTIFIED and nothing is pending."""
    tokens, _ = closed(ledger)
    _, (recipient,) = ledger.outcome(SendOutcome(tokens, OK, psp="psp"), 1.0)
    ledger.receipt_answered(recipient, Answer.KO, 2.0)
    assert statuses(ledger, tokens) == ["NOTIFIED"]
    assert ledger.pa_send_rt(3600.0) == []


def test_r12_only_the_receipt_closes_the_position(ledger):
    """The position is PAID, not NOTIFIED, until the EC has answered the receipt."""
    tokens, _ = closed(ledger)
    _, (recipient,) = ledger.outcome(SendOutcome(tokens, OK, psp="psp"), 1.0)
    assert str(ledger.positions["N1"].status) == "PAID"
    ledger.receipt_answered(recipient, Answer.OK, 2.0)
    assert str(ledger.positions["N1"].status) == "NOTIFIED"


def test_r13_a_late_outcome_is_refused_and_nothing_changes():
    """Late OK: PPT_TOKEN_SCADUTO, or PPT_PAGAMENTO_DUPLICATO once another token is open; late KO by preset."""
    for settings, late_ko in ((SANP, Fault.PPT_TOKEN_SCADUTO_KO), (OBSERVED, Fault.PPT_SEMANTICA)):
        ledger = Ledger(settings)
        tokens, closing = closed(ledger, answer=Answer.TIMEOUT)
        ledger.mod3_cancel_v2(closing.deadline)
        assert outcome(ledger, tokens) is Fault.PPT_TOKEN_SCADUTO
        assert outcome(ledger, tokens, KO) is late_ko
        activated(ledger, "N1", closing.deadline)
        assert outcome(ledger, tokens) is Fault.PPT_PAGAMENTO_DUPLICATO
        assert statuses(ledger, tokens) == ["CANCELLED"]


def test_r14_repeats_and_strangers_are_told_apart(ledger):
    """The same outcome twice; a token never closed; another PSP; tokens of two carts."""
    first, _ = closed(ledger, "N1")
    second, _ = closed(ledger, "N2")
    open_token = activated(ledger, "N3")
    assert outcome(ledger, [open_token]) is Fault.PPT_TOKEN_SCONOSCIUTO
    assert outcome(ledger, first + second) is Fault.PPT_TOKEN_SCONOSCIUTO
    reply, _ = ledger.outcome(SendOutcome(first, OK, psp="another"), 1.0)
    assert reply.fault_code is Fault.PPT_TOKEN_SCONOSCIUTO
    assert outcome(ledger, first) is OK
    assert outcome(ledger, first) is Fault.PPT_ESITO_GIA_ACQUISITO


def test_r14_an_idempotency_key_repeats_the_first_answer(ledger):
    """Same key and request: the first answer and no side effect; another request: PPT_ERRORE_IDEMPOTENZA."""
    token = activated(ledger, "N1", idempotency_key="K1")
    again = ledger.activate(Activate("N1", "EC of N1", 1000, idempotency_key="K1"), 1.0)
    assert (again.outcome, again.token) == (OK, token)
    other = ledger.activate(Activate("N1", "EC of N1", 2000, idempotency_key="K1"), 1.0)
    assert other.fault_code is Fault.PPT_ERRORE_IDEMPOTENZA
    assert len(ledger.payments) == 1


def test_r15_a_token_past_its_deadline_blocks_its_notice_until_the_job_runs(ledger):
    """PPT_PAGAMENTO_IN_CORSO past the deadline; payable again after the sweep."""
    activated(ledger, "N1", validity_s=10.0)
    again = Activate("N1", "EC of N1", 1000)
    assert ledger.activate(again, 11.0).fault_code is Fault.PPT_PAGAMENTO_IN_CORSO
    cancelled, _ = ledger.mod3_cancel_v2(60.0)
    assert [p.position.notice for p in cancelled] == ["N1"]
    activated(ledger, "N1", 60.0)


def test_r15_an_accepted_cart_without_outcome_expires_in_the_text_and_stays_as_observed():
    """The two presets differ: cancelled at the token's deadline, or left for a manual check."""
    for settings, status in ((SANP, "CANCELLED"), (OBSERVED, "PAYMENT_ACCEPTED")):
        ledger = Ledger(settings)
        tokens, _ = closed(ledger)
        ledger.mod3_cancel_v2(1e6)
        assert statuses(ledger, tokens) == [status]


def test_r15_the_close_replaces_the_deadline_only_as_observed():
    """SANP keeps the token's 1800 s; the observed Node waits 3600 s from the close."""
    for settings, deadline in ((SANP, 1800.0 + 5.0), (OBSERVED, 3600.0 + 5.0)):
        _, closing = closed(Ledger(settings), now=5.0)
        assert closing.deadline == deadline


def test_r16_the_node_does_not_enforce_two_seconds(ledger):
    """An outcome ten minutes after the acceptance is taken."""
    tokens, _ = closed(ledger)
    assert outcome(ledger, tokens, now=600.0) is OK


def test_r16_an_outcome_waits_while_its_notification_is_in_flight(ledger):
    """The ledger says so; after the result the outcome is answered as if it had come then."""
    token = activated(ledger)
    _, closing = ledger.close(Close((token,), OK, 0, "psp"), 0.0)
    request = SendOutcome((token,), OK, psp="psp")
    assert ledger.in_flight(request, 0.5)
    ledger.psp_answered(closing, Answer.OK, 1.0)
    assert not ledger.in_flight(request, 1.0)
    assert ledger.outcome(request, 1.0)[0].outcome is OK
