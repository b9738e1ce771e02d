"""Registry of the rules of the use case, R1-R16, each with its source and the tests that show it.

It is text, not behaviour: the ledger (`ledger.py`) follows the rules, `tests/rules/test_rules.py` shows them one by
one, and `docs/protocol.md` prints this list. Anybody may import it. A rule that is added or reworded here needs a test
of that name; where text and observed platform differ, the rule says which preset reads it how.

Sources: "SANP 3.6.1" is the use case "Pagamento presso frontend dell'EC"; "Node's tests" are the public features of
pagopa/pagopa-nodo-dei-pagamenti-test, for the flow NM1.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the use case; `test` names the functions in `tests/rules/test_rules.py` that show it."""

    code: str
    text: str
    source: str
    test: tuple[str, ...]


RULES: tuple[Rule, ...] = (
    Rule(
        "R1",
        "A cart of n notices causes n activations, up to 5 in parallel; each reaches its own EC through paGetPayment.",
        "SANP 3.6.1; pagopa/pagopa-ecommerce-transactions-service (5 in parallel)",
        ("test_r1_a_cart_of_n_notices_makes_n_activations_each_at_its_own_ec",),
    ),
    Rule(
        "R2",
        "If any activation fails the cart fails; the tokens already issued stay open until they expire, and their "
        "positions stay blocked meanwhile.",
        "pagopa/pagopa-ecommerce-transactions-service (TransactionActivateHandler); Node's tests, mod3CancelV2",
        ("test_r2_tokens_already_issued_stay_open_when_a_sibling_fails",),
    ),
    Rule(
        "R3",
        "A notice has at most one open token: another activation gets PPT_PAGAMENTO_IN_CORSO, and once it is paid "
        "PPT_PAGAMENTO_DUPLICATO.",
        "SANP, API of the PSP; Node's tests, activatePaymentNoticeV2_flow",
        ("test_r3_a_notice_has_at_most_one_open_token",),
    ),
    Rule(
        "R4",
        "closePaymentV2 names all tokens of the cart and is all or nothing: an unknown token gets 404 and an expired "
        "one 400, and the others are cancelled; a cart already closed gets 422 and nothing changes. A close KO "
        "cancels the tokens and notifies nobody.",
        "Node's tests, closePaymentV2_flow_NM1",
        ("test_r4_close_is_all_or_nothing", "test_r4_close_ko_cancels_and_notifies_nobody"),
    ),
    Rule(
        "R5",
        "pspNotifyPaymentV2 is one call for the whole cart; OK makes all its payments PAYMENT_ACCEPTED.",
        "SANP 3.6.1; XSD pspForNode; Node's tests, pspNotifyPaymentV2",
        ("test_r5_one_notification_covers_the_whole_cart",),
    ),
    Rule(
        "R6",
        "A valid KO of the PSP makes the payments PAYMENT_REFUSED, then CANCELLED, and the money is reversed.",
        "SANP 3.6.1; Node's tests, pspNotifyPaymentV2",
        ("test_r6_a_valid_ko_cancels_the_cart_at_once",),
    ),
    Rule(
        "R7",
        "After a technical exception (timeout, malformed, unreachable) the Node waits for the first of two: the "
        "tokens' expiry, which cancels and reverses, or an outcome OK, after which the flow goes on. An outcome KO is "
        "not acceptable. As observed, an unreachable PSP is no reason to wait: cancelled and reversed at once.",
        "SANP 3.6.1; Node's tests, pspNotifyPaymentV2",
        (
            "test_r7_a_technical_exception_waits_for_an_outcome_or_for_expiry",
            "test_r7_an_unreachable_psp_waits_in_the_text_and_is_final_as_observed",
        ),
    ),
    Rule(
        "R8",
        "An outcome that comes after the PSP has answered KO is discordant: the Node answers KO and nothing changes.",
        "SANP 3.6.1; Node's tests, sendPaymentOutcomeV2_flow_semantic_NM1",
        ("test_r8_an_outcome_after_the_psps_ko_is_refused_and_changes_nothing",),
    ),
    Rule(
        "R9",
        "After accepting, the PSP owes sendPaymentOutcomeV2 within 2 s, one outcome for all tokens of the cart.",
        "SANP 3.6.1; XSD nodeForPsp",
        ("test_r9_one_outcome_pays_all_tokens_of_the_cart",),
    ),
    Rule(
        "R10",
        "An outcome KO after accepting gets KO (PPT_SEMANTICA, Esito discorde) and changes nothing: the payment "
        "still waits for an outcome OK or for expiry.",
        "SANP 3.6.1; SANP, API of the PSP; Node's tests, SEM_SPO_28",
        ("test_r10_outcome_ko_after_acceptance_is_refused_and_changes_nothing",),
    ),
    Rule(
        "R11",
        "Receipts go to the ECs only if the payment was made. A valid KO of the EC is final; after a timeout, a "
        "malformed answer or no connection the receipt is NOTICE_PENDING and the job paSendRt sends it again, within "
        "its policy.",
        "SANP 3.6.1; SANP, best practice and API of the EC; Node's tests, paSendRTV2_NM1",
        (
            "test_r11_a_receipt_without_an_answer_is_sent_again_within_its_policy",
            "test_r11_a_valid_ko_of_the_ec_is_final",
        ),
    ),
    Rule(
        "R12",
        "On the receipt the EC closes the debt position; nothing else closes it.",
        "SANP 3.6.1; SANP, best practice of the EC",
        ("test_r12_only_the_receipt_closes_the_position",),
    ),
    Rule(
        "R13",
        "A late outcome changes nothing. OK after CANCELLED gets PPT_TOKEN_SCADUTO, or PPT_PAGAMENTO_DUPLICATO if the "
        "notice has been or is being paid otherwise. KO gets PPT_TOKEN_SCADUTO_KO in the text and PPT_SEMANTICA as "
        "observed.",
        "SANP, best practice of the PSP; Node's tests, paSendRTV2_NM1 and sendPaymentOutcomeV2_flow_semantic_NM1",
        ("test_r13_a_late_outcome_is_refused_and_nothing_changes",),
    ),
    Rule(
        "R14",
        "The same outcome twice gets PPT_ESITO_GIA_ACQUISITO. A token that is unknown, not handed to that PSP by an "
        "accepted close, or not of the same closed cart gets PPT_TOKEN_SCONOSCIUTO. The same idempotency key with the "
        "same request gets the first answer again without effect; with another request PPT_ERRORE_IDEMPOTENZA.",
        "SANP, API and best practice of the PSP; Node's tests, SEM_SPO_9.1 and SEM_SPO_23",
        (
            "test_r14_repeats_and_strangers_are_told_apart",
            "test_r14_an_idempotency_key_repeats_the_first_answer",
        ),
    ),
    Rule(
        "R15",
        "Expiry is acted on by the job mod3CancelV2 alone: a token is cancelled at the first sweep after its deadline "
        "and blocks its notice until then; tokens of one closed cart go together. As observed, a close OK replaces "
        "the deadline, and an accepted cart does not expire.",
        "Node's tests, mod3cancelV2_NM1_flow; the period of the job is not published",
        (
            "test_r15_a_token_past_its_deadline_blocks_its_notice_until_the_job_runs",
            "test_r15_an_accepted_cart_without_outcome_expires_in_the_text_and_stays_as_observed",
            "test_r15_the_close_replaces_the_deadline_only_as_observed",
        ),
    ),
    Rule(
        "R16",
        "The Node does not enforce the 2 s of R9, which are a service level. An outcome that arrives while the "
        "notification is in flight is answered as if it came after the notification's result.",
        "SANP, quality indicators, service levels of the PSP (TNSPO); the wait in flight is inferred from R7 and R8",
        (
            "test_r16_the_node_does_not_enforce_two_seconds",
            "test_r16_an_outcome_waits_while_its_notification_is_in_flight",
        ),
    ),
)
