"""What the real Node's public tests say beyond single cases, a test for each sentence.

Expected values come from the sentences that came with the cases and, where those name none, from the fault codes of
SANP. The world is that of a replay: the PSP has 9 s to answer, an EC 4 s, a token lives 1800 s, a close OK gives it
3600 s more, and jobs run when they are told to.
"""

import pytest

from .script import Played, activate, close, force_payment, force_position, job, next_receipt, outcome, resend, setting

SCONOSCIUTO, SEMANTICA, ACQUISITO = "PPT_TOKEN_SCONOSCIUTO", "PPT_SEMANTICA", "PPT_ESITO_GIA_ACQUISITO"
SCADUTO, DUPLICATO, IN_CORSO = "PPT_TOKEN_SCADUTO", "PPT_PAGAMENTO_DUPLICATO", "PPT_PAGAMENTO_IN_CORSO"
IDEMPOTENZA = "PPT_ERRORE_IDEMPOTENZA"
PAIR = (activate(0), activate(0, "N2", "T2"))
"""Two notices activated, to be closed together."""


# --- close ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["ok", "ko", "malformed", "timeout", "unreachable"])
def test_a_close_is_answered_at_once_whatever_the_psp_does_later(answer):
    """The reply is 200 at the time of the close; the PSP's answer comes 5 s after it, or not at all."""
    played = Played(activate(0), close(10, psp_answer=answer, psp_delay_s=5))
    (call,) = [each for each in played.replayed.trace.calls if each.name == "closePaymentV2"]
    assert (played.said(), call.at_s, call.ended_s) == (200, 10, 10)


@pytest.mark.parametrize("validity_s", [60, 10_000])
def test_a_close_replaces_the_deadline_whatever_the_token_had_left(validity_s):
    """Closed at 10 s, an unknown cart lives until 3610 s, be its token's own deadline 60 s or 10 000 s."""
    played = Played(
        activate(0, validity_s=validity_s), close(10, psp_answer="malformed"), job(100), job(3609), job(3611)
    )
    assert [played.status(step=step) for step in (2, 3, 4)] == ["PAYMENT_UNKNOWN", "PAYMENT_UNKNOWN", "CANCELLED"]


def test_a_close_that_names_an_unknown_token_cancels_the_valid_ones():
    """404, and T1 and T2 are CANCELLED and their notices payable again."""
    played = Played(*PAIR, close(1, "T1", "T2", "T9"))
    assert played.said() == 404
    assert played.status("T1", "T2") == ["CANCELLED", "CANCELLED"]
    assert [played.position("N1"), played.position("N2")] == ["INSERTED", "INSERTED"]


def test_a_close_that_names_an_expired_token_cancels_the_valid_ones():
    """T1 is expired by the job; closing it with T2 gets 400 and cancels T2."""
    played = Played(activate(0, validity_s=10), activate(0, "N2", "T2"), job(20), close(21, "T1", "T2"))
    assert played.status("T1", "T2", step=2) == ["CANCELLED", "PAYING"]
    assert played.said() == 400
    assert played.status("T1", "T2") == ["CANCELLED", "CANCELLED"]


def test_two_tokens_on_a_channel_of_version_1_get_400():
    """One token passes on such a channel, two do not; on version 2 both pass."""
    assert Played(activate(0), close(1, channel_version=1)).said() == 200
    assert Played(*PAIR, close(1, "T1", "T2", channel_version=1)).said() == 400
    assert Played(*PAIR, close(1, "T1", "T2", channel_version=2)).said() == 200


# --- expiry ---------------------------------------------------------------------------------------------------------


def test_nothing_expires_by_the_clock():
    """Long past its deadline a token blocks its notice and can be closed; after the job the notice is payable again."""
    again = activate(5000, label="T2")
    played = Played(activate(0), again, job(5001), activate(5002, label="T2"))
    assert (played.said(1), played.status(step=1)) == (IN_CORSO, "PAYING")
    assert (played.said(3), played.status(), played.status("T2")) == ("OK", "CANCELLED", "PAYING")
    assert Played(activate(0), close(5000)).said() == 200


def test_tokens_of_one_closed_cart_are_cancelled_together():
    """Both tokens of an unknown cart go with the same run of the job, though their own deadlines differ."""
    played = Played(
        activate(0, validity_s=60),
        activate(0, "N2", "T2", validity_s=1800),
        close(1, "T1", "T2", psp_answer="timeout"),
        job(4000),
    )
    assert played.status("T1", "T2", step=2) == ["PAYMENT_UNKNOWN", "PAYMENT_UNKNOWN"]
    assert played.status("T1", "T2") == ["CANCELLED", "CANCELLED"]


def test_tokens_of_one_closed_cart_are_cancelled_together_or_not_at_all():
    """With one of them PAID in the database, the job leaves the other alone too."""
    played = Played(*PAIR, close(1, "T1", "T2", psp_answer="timeout"), force_payment(20, "T1", "PAID"), job(4000))
    assert played.status("T1", "T2") == ["PAID", "PAYMENT_UNKNOWN"]


def test_the_job_cancels_what_was_never_closed_and_what_is_unknown():
    """T1 was never closed, T2 is PAYMENT_UNKNOWN; both are past their deadlines."""
    played = Played(*PAIR, close(1, "T2", psp_answer="timeout"), job(4000))
    assert played.history("T1") == ["PAYING", "CANCELLED"]
    assert played.history("T2")[-2:] == ["PAYMENT_UNKNOWN", "CANCELLED"]


def test_the_job_leaves_alone_what_was_accepted_and_never_got_its_outcome():
    """Accepted at 1 s, past its deadline at 3601 s, still PAYMENT_ACCEPTED after the job."""
    assert Played(activate(0), close(1), job(4000)).status() == "PAYMENT_ACCEPTED"


# --- notification ---------------------------------------------------------------------------------------------------


def test_a_ko_without_a_fault_is_malformed_and_so_unknown_not_refused():
    """A valid KO refuses and cancels; a malformed one leaves the payment unknown."""
    assert Played(activate(0), close(1, psp_answer="ko")).history()[3:] == ["PAYMENT_REFUSED", "CANCELLED"]
    assert Played(activate(0), close(1, psp_answer="malformed")).history()[3:] == ["PAYMENT_UNKNOWN"]


@pytest.mark.parametrize(("delay_s", "status"), [(8, "PAYMENT_ACCEPTED"), (10, "PAYMENT_UNKNOWN")])
def test_an_answer_after_8_s_is_taken_and_one_after_10_s_is_a_timeout(delay_s, status):
    """The Node of the public tests waits between 8 and 10 s."""
    assert Played(activate(0), close(1, psp_delay_s=delay_s)).status() == status


# --- outcome --------------------------------------------------------------------------------------------------------


def test_outcome_checks_the_idempotency_key_before_the_tokens():
    """A key used for another request is refused although the token is unknown too."""
    first = outcome(10, idempotency_key="K")
    assert Played(activate(0), close(1), first, outcome(11, "T9", idempotency_key="K")).said() == IDEMPOTENZA


@pytest.mark.parametrize(
    ("steps", "tokens"),
    [
        ([activate(0)], ["T9"]),
        ([activate(0)], ["T1"]),
        ([activate(0), close(1, outcome="KO")], ["T1"]),
        ([*PAIR, close(1, "T1", "T2", "T9")], ["T1", "T2"]),
        ([*PAIR, close(1, "T1"), close(2, "T2")], ["T1", "T2"]),
        ([activate(0), close(1), outcome(5)], ["T1", "T9"]),
    ],
    ids=["unknown", "never closed", "closed KO", "close refused", "of two carts", "one of them paid, one unknown"],
)
def test_outcome_for_a_token_not_handed_to_the_psp_is_for_an_unknown_token(steps, tokens):
    """PPT_TOKEN_SCONOSCIUTO, whatever the outcome, and before it is looked at what was acquired."""
    for said in ("OK", "KO"):
        assert Played(*steps, outcome(20, *tokens, said=said)).said() == SCONOSCIUTO


def test_outcome_already_acquired_is_told_from_a_mixed_one():
    """The same outcome again: already acquired. Another one, or one that only one of two tokens has: semantic."""
    paid = (*PAIR, close(1, "T1", "T2"), outcome(5, "T1", "T2"))
    assert Played(*paid, outcome(6, "T1", "T2")).said() == ACQUISITO
    assert Played(*paid, outcome(6, "T1", "T2", said="KO")).said() == SEMANTICA
    half = (*PAIR, close(1, "T1", "T2"), force_payment(5, "T1", "PAID"))
    assert Played(*half, outcome(6, "T1", "T2")).said() == SEMANTICA


@pytest.mark.parametrize(
    "status",
    [
        "PAYING",
        "PAYMENT_RESERVED",
        "PAYMENT_SENT",
        "PAYMENT_ACCEPTED",
        "PAYMENT_UNKNOWN",
        "PAYMENT_REFUSED",
        "PAYMENT_SEND_ERROR",
        "CANCELLED",
    ],
)
def test_outcome_ko_is_semantic_whatever_the_state_and_changes_nothing(status):
    """PPT_SEMANTICA comes before what is said of notices paid and tokens cancelled."""
    forced = force_payment(5, "T1", status)
    paid = force_position(5, "N1", "PAID")
    for more in ((), (paid,)):
        played = Played(activate(0), close(1), forced, *more, outcome(6, said="KO"))
        assert (played.said(), played.status()) == (SEMANTICA, status)


def test_outcome_for_a_notice_paid_otherwise_is_a_duplicate_even_of_a_cancelled_token():
    """T1 is cancelled by the PSP's KO, N1 is then paid with T2; T1's outcome gets PPT_PAGAMENTO_DUPLICATO."""
    played = Played(
        activate(0),
        close(1, psp_answer="ko"),
        activate(10, label="T2"),
        close(11, "T2"),
        outcome(12, "T2"),
        outcome(13, "T1"),
    )
    assert (played.position(), played.said()) == ("NOTIFIED", DUPLICATO)


def test_outcome_for_a_cancelled_token_is_late():
    """Unknown, cancelled by the job, then an outcome: PPT_TOKEN_SCADUTO and nothing changes."""
    played = Played(activate(0), close(1, psp_answer="timeout"), job(4000), outcome(4001))
    assert (played.said(), played.status(), played.position()) == (SCADUTO, "CANCELLED", "INSERTED")


def test_outcome_for_a_cancelled_token_is_a_duplicate_while_another_token_of_the_notice_is_open():
    """N1 is being paid again with T2; without T2 it would be PPT_TOKEN_SCADUTO."""
    late = (activate(0), close(1, psp_answer="timeout"), job(4000))
    assert Played(*late, activate(4001, label="T2"), outcome(4002)).said() == DUPLICATO


def test_outcome_for_a_token_cancelled_in_the_database_is_late_and_no_duplicate():
    """Its notice is still PAYING there, but by this token and no other."""
    assert Played(activate(0), close(1), force_payment(5, "T1", "CANCELLED"), outcome(6)).said() == SCADUTO


@pytest.mark.parametrize(
    "status", ["PAYING", "PAYING_RPT", "PAYMENT_RESERVED", "PAYMENT_SENT", "PAYMENT_REFUSED", "PAYMENT_SEND_ERROR"]
)
def test_outcome_in_a_state_neither_accepted_nor_unknown_is_semantic(status):
    """Also in a state of another use case, and said of the state before anything is said of the fee."""
    played = Played(
        activate(0),
        close(1, fee_eur="2.00"),
        force_payment(5, "T1", status),
        outcome(6, fee_eur="3.00"),
    )
    assert (played.said(), played.status()) == (SEMANTICA, status)
    assert "stato" in played.steps[-1]["reply"]["description"]


@pytest.mark.parametrize("answer", ["ok", "timeout"])
def test_outcome_with_another_fee_is_semantic_and_with_the_same_or_none_is_taken(answer):
    """Accepted or unknown alike."""
    closed = (activate(0), close(1, fee_eur="2", psp_answer=answer))
    assert Played(*closed, outcome(20, fee_eur="3.00")).said() == SEMANTICA
    assert Played(*closed, outcome(20, fee_eur="2.00")).said() == "OK"
    assert Played(*closed, outcome(20)).said() == "OK"


@pytest.mark.parametrize(
    ("answer", "said"),
    [("ok", "OK"), ("malformed", "OK"), ("timeout", "OK"), ("ko", SCADUTO), ("unreachable", SCADUTO)],
)
def test_outcome_in_flight_is_answered_as_if_it_had_come_after_the_notification(answer, said):
    """The close is at 1 s, the PSP's answer at 6 s (a timeout at 10 s), the outcome at 3 s."""
    delay = {} if answer == "unreachable" else {"psp_delay_s": 5}
    played = Played(activate(0), close(1, psp_answer=answer, **delay), outcome(3))
    if answer == "unreachable":  # known at once, so nothing is in flight any more
        assert played.said() == said
        return
    (call,) = [each for each in played.replayed.trace.calls if each.name == "sendPaymentOutcomeV2"]
    assert (played.said(), call.ended_s) == (said, 10 if answer == "timeout" else 6)
    after = Played(activate(0), close(1, psp_answer=answer, psp_delay_s=5), outcome(20))
    assert (after.said(), after.status()) == (said, played.status())


def test_the_node_does_not_enforce_the_two_seconds():
    """An outcome that comes 500 s after the acceptance is taken."""
    assert Played(activate(0), close(1), outcome(501)).said() == "OK"


# --- receipts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transfers", "broadcast", "ecs"),
    [
        (["EC1"], {}, ["EC1"]),
        (["EC1", "EC2", "EC3"], {}, ["EC1"]),
        (["EC1", "EC2", "EC3"], {"EC2": 1, "EC3": 1}, ["EC1", "EC2", "EC3"]),
        (["EC1", "EC3"], {"EC3": 2}, ["EC1", "EC3", "EC3"]),
        (["EC1"], {"EC3": 1}, ["EC1"]),
        (["EC1", "EC2"], {"EC1": 2}, ["EC1"]),
        (["EC2"], {"EC2": 1}, ["EC1", "EC2"]),
    ],
)
def test_receipts_go_to_the_own_ec_and_to_broadcast_stations_of_other_ecs_in_the_transfers(transfers, broadcast, ecs):
    """The notice's own EC is EC1, once, whether or not it has a transfer or broadcast stations."""
    played = Played(activate(0, transfers=transfers), close(1), outcome(5), settings={"broadcast": broadcast})
    assert sorted(played.receipts()) == [(ec, "NOTIFIED") for ec in ecs]


def test_the_payment_has_a_notice_sent_for_each_send_to_its_own_ec_only():
    """EC1 needs three sends and EC2 two: the payment's history has three NOTICE_SENT."""
    played = Played(
        setting(0, broadcast={"EC2": 1}),
        activate(0, transfers=["EC1", "EC2"]),
        close(1),
        *(next_receipt(2, "EC1", answer) for answer in ("timeout", "unreachable")),
        next_receipt(2, "EC2", "malformed"),
        outcome(5),
        resend(20),
        resend(40),
    )
    assert played.history().count("NOTICE_SENT") == 3
    assert played.status() == "NOTIFIED"


@pytest.mark.parametrize(("late", "position"), [("EC1", "PAID"), ("EC2", "NOTIFIED")])
def test_the_payment_is_notified_when_all_recipients_are_and_the_position_when_its_own_ec_is(late, position):
    """While EC1's receipt is pending the position is PAID; while only EC2's is, it is NOTIFIED."""
    played = Played(
        setting(0, broadcast={"EC2": 1}),
        activate(0, transfers=["EC1", "EC2"]),
        close(1),
        next_receipt(2, late, "timeout"),
        outcome(5),
        resend(20),
    )
    assert (played.status(step=4), played.position(step=4)) == ("NOTICE_SENT", position)
    assert (played.status(), played.position()) == ("NOTIFIED", "NOTIFIED")


# --- idempotency ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["ko", "timeout", "unreachable", "malformed"])
def test_an_activation_refused_by_the_ec_is_kept_under_its_key(answer):
    """The same request gets the same KO again, although the EC would now say OK; another key gets a token."""
    first = activate(0, idempotency_key="K", ec_answer=answer)
    played = Played(first, activate(10, idempotency_key="K"), activate(11, label="T2", idempotency_key="L"))
    assert played.said(0) == played.said(1) != "OK"
    assert played.said(2) == "OK"


def test_an_activation_is_kept_under_its_key_with_its_token():
    """The same request gets the same token again, another one PPT_ERRORE_IDEMPOTENZA."""
    played = Played(
        activate(0, idempotency_key="K"),
        activate(1, idempotency_key="K"),
        activate(2, idempotency_key="K", body={"note": "x"}),
    )
    assert [played.said(step) for step in (0, 1, 2)] == ["OK", "OK", IDEMPOTENZA]
    assert list(played.steps[-1]["after"]["payments"]) == ["T1"]


@pytest.mark.parametrize(("key_s", "token_s"), [(60, 1000), (1000, 60)])
@pytest.mark.parametrize(
    ("ec_answer", "kept", "then"), [("ok", "OK", IN_CORSO), ("ko", "PPT_ERRORE_EMESSO_DA_PAA", "OK")]
)
def test_a_key_lives_for_the_shorter_of_key_and_token_validity(key_s, token_s, ec_answer, kept, then):
    """At 59 s the first answer comes again; at 61 s the request is a new one, be the first answer OK or KO."""
    played = Played(
        activate(0, idempotency_key="K", validity_s=token_s, ec_answer=ec_answer),
        activate(59, idempotency_key="K", validity_s=token_s),
        activate(61, label="T2", idempotency_key="K", validity_s=token_s),
        settings={"idempotency_validity_s": key_s},
    )
    assert [played.said(step) for step in (0, 1, 2)] == [kept, kept, then]


def test_expiry_drops_the_key():
    """An unknown cart expires 10 s after its close, while its key is alive; the same request gets a new token."""
    first, again = activate(0, idempotency_key="K"), activate(51, label="T2", idempotency_key="K")
    closed = close(1, psp_answer="timeout")
    kept = Played(first, closed, again)
    assert (kept.said(), list(kept.steps[-1]["after"]["payments"])) == ("OK", ["T1"])
    played = Played(first, closed, job(50), again, settings={"token_extension_s": 10})
    assert played.status("T1", "T2") == ["CANCELLED", "PAYING"]


def test_a_paid_outcome_drops_the_key():
    """After it the same request with the same key is told that the notice is paid, not the old token."""
    first, again = (activate(at_s, idempotency_key="K") for at_s in (0, 20))
    assert Played(first, close(1), outcome(5), again).said() == DUPLICATO
