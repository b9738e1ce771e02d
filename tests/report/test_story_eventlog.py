"""The event log: the Node's own columns, and the platform's queries on it give the run's own figures.

Columns and values are those of the Node's log (domain.md, section 8: ReEvent, Giornale degli eventi and the samples of
pagopa-nodo-re-to-datastore); the queries are those of the PSP quality improvement programme (pagopa/pagopa-infra,
observability, KPI pipelines).
"""

import csv
import io
import re

import numpy as np
import pandas as pd
import pytest

from sim.reader import PaymentId, Recorded
from sim.records import STATE_NAMES
from sim.report.stories.eventlog import events, lines

from .story_world import odd, stored

HEADER = (
    "insertedTimestamp,dataOraEvento,componente,categoriaEvento,sottoTipoEvento,tipoEvento,fruitore,erogatore,"
    "idDominio,iuv,ccp,noticeNumber,creditorReferenceId,paymentToken,psp,canale,stazione,sessionId,sessionIdOriginal,"
    "esito,status,outcome,faultCode,faultDescription,transactionId,businessProcess,uniqueId"
)
"""The header that domain.md, section 8.3, suggests."""
LIMIT_S = 2.0


def log(folder, replication=0, *which):
    """Return the event log as a reader of the CSV gets it."""
    text = "".join(lines(events(Recorded(folder), replication, *which)))
    return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a run in which everything goes wrong; its warm-up is empty, so that its figures are those of all carts."""
    return odd(tmp_path_factory.mktemp("odd"), "run.window=3 min")


@pytest.fixture(scope="module")
def table(run):
    """Return its event log."""
    return log(run.folder)


def calls(table, name, half):
    """Return the requests or the responses of a primitive, with their moments in seconds."""
    chosen = table[(table["tipoEvento"] == name) & (table["sottoTipoEvento"] == half)]
    moments = pd.to_datetime(chosen["insertedTimestamp"]) - pd.Timestamp("2024-01-01")
    return chosen.assign(at_s=moments.dt.total_seconds())


def official_tpnp(table, until_s):
    """Return TPNP as the platform's query has it: notifications by PSP whose response came after 2 s, in percent.

    Requests joined with responses on idDominio, iuv, ccp, sessionId and tipoEvento; one without a response has no
    difference, and so is in the base alone. The query is for a month, and the run counts what is sent in its window.
    """
    keys = ["idDominio", "iuv", "ccp", "sessionId", "tipoEvento"]
    pairs = calls(table, "pspNotifyPaymentV2", "REQ").merge(
        calls(table, "pspNotifyPaymentV2", "RESP")[[*keys, "at_s"]], on=keys, how="left", suffixes=("", "_resp")
    )
    pairs = pairs[pairs["at_s"] < until_s]
    late = (pairs["at_s_resp"] - pairs["at_s"]).round(3) > LIMIT_S
    return 100 * late.groupby(pairs["psp"]).mean(), pairs.assign(late=late)


def official_tnspo(table):
    """Return TNSPO as the platform's query has it: by PSP, tokens positively notified with an outcome after 2 s.

    Per paymentToken, from the response of pspNotifyPayment to the request of sendPaymentOutcome; a token without an
    outcome is in the base alone.
    """
    accepted = calls(table, "pspNotifyPaymentV2", "RESP").query("outcome == 'OK'")
    first = calls(table, "sendPaymentOutcomeV2", "REQ").groupby("paymentToken")["at_s"].min().rename("outcome_s")
    joined = accepted.merge(first, left_on="paymentToken", right_index=True, how="left")
    late = (joined["outcome_s"] - joined["at_s"]).round(3) > LIMIT_S
    return 100 * late.groupby(joined["psp"]).mean()


def figures(run, name):
    """Return a figure of the run by PSP, as the percentage that is late."""
    by_psp = run.summary.by["psp"]
    return pd.Series({psp: 100 * (1 - metrics[name].mean) for psp, metrics in by_psp.items() if name in metrics})


def test_the_header_is_the_nodes(table):
    """All names, in the order of the platform's table, and nothing besides."""
    assert ",".join(table.columns) == HEADER


def test_tnspo_by_the_official_query_is_the_runs_own_figure(run, table):
    """By PSP, from nothing but the log; psp-b is late more often than not."""
    official = official_tnspo(table)
    pd.testing.assert_series_equal(official, figures(run, "tnspo_official"), check_names=False)
    assert official["psp-b"] > 50
    assert 0 < official["psp-a"] < 50


def test_tpnp_by_the_official_query_is_the_runs_own_figure_for_carts_of_one_notice(tmp_path):
    """By PSP; the query counts payments and the run counts calls, which is the same if every cart has one notice."""
    times = ["psps.psp-a.pspNotifyPaymentV2.time=1 s", "psps.psp-b.pspNotifyPaymentV2.time={exponential: {mean: 1 s}}"]
    run = odd(tmp_path, "cart.notices={1: 100%}", *times)
    official, _ = official_tpnp(log(run.folder), 60.0)
    pd.testing.assert_series_equal(official, figures(run, "tpnp"), check_names=False)
    assert official["psp-a"] == 0
    assert 0 < official["psp-b"] < 50
    assert official["psp-c"] > 50


def test_tpnp_by_the_official_query_is_the_runs_own_figure_once_a_call_counts_once(run, table):
    """A call for a cart has a row for each payment under one sessionId; of each session one row is the run's figure."""
    official, pairs = official_tpnp(table, 180.0)
    once = pairs.drop_duplicates("sessionId")
    pd.testing.assert_series_equal(100 * once.groupby("psp")["late"].mean(), figures(run, "tpnp"), check_names=False)
    assert len(once) < len(pairs)
    assert set(official.index) == {"psp-a", "psp-b", "psp-c"}


def test_the_service_time_of_an_ec_is_recovered_from_the_log(run, table):
    """Domain.md, section 8.3: RESP less REQ of one session, by stazione; no RESP is a timeout. As the records say."""
    requests = calls(table, "paGetPayment", "REQ").set_index("sessionId")
    responses = calls(table, "paGetPayment", "RESP").set_index("sessionId")
    assert requests.index.is_unique
    rows = [row for row in Recorded(run.folder).columns("calls", 0).plain() if row["primitive"] == "paGetPayment"]
    took_s = (responses["at_s"] - requests.loc[responses.index, "at_s"]).sort_values().to_numpy()
    wanted_s = sorted(row["answered_s"] - row["sent_s"] for row in rows if row["answer"] in ("ok", "ko"))
    np.testing.assert_allclose(took_s, wanted_s, atol=1.1e-3)
    assert len(requests) - len(responses) == sum(row["answer"] in ("timeout", "unreachable") for row in rows)
    assert requests["stazione"].nunique() == 6


def test_changes_of_status_are_internal_events(run, table):
    """INTERNO, INTERN, CAMBIO_STATO with the new status: as many of each as the records have."""
    changes = table[table["categoriaEvento"] == "INTERNO"]
    assert set(changes["sottoTipoEvento"]) == {"INTERN"}
    assert set(changes["esito"]) == {"CAMBIO_STATO"}
    counts = changes["status"].value_counts().to_dict()
    assert counts == run.table("states")["status"].astype(str).value_counts().to_dict()
    assert set(counts) <= set(STATE_NAMES)
    by_job = set(changes.loc[changes["tipoEvento"] == "mod3CancelV2", "status"])
    assert by_job == {"CANCELLED", "INSERTED"}


def test_interface_events_say_which_way_they_went(table):
    """RICEVUTA and INVIATA by the side of the Node; what could not be sent or read has its KO, and no other esito."""
    interface = table[table["categoriaEvento"] == "INTERFACCIA"]
    by_kind = interface.groupby(["tipoEvento", "sottoTipoEvento"])["esito"].unique().map(set).to_dict()
    for name in ("activatePaymentNoticeV2", "closePaymentV2", "sendPaymentOutcomeV2"):
        assert by_kind[name, "REQ"] == {"RICEVUTA"}
        assert by_kind[name, "RESP"] == {"INVIATA"}
    assert by_kind["pspNotifyPaymentV2", "REQ"] == {"INVIATA", "INVIATA_KO"}
    assert by_kind["pspNotifyPaymentV2", "RESP"] == {"RICEVUTA", "RICEVUTA_KO"}
    assert by_kind["paGetPayment", "RESP"] == {"RICEVUTA"}
    assert set(interface["status"]) == {""}


def test_checkout_activates_as_the_psp_that_the_platform_knows_it_by(table):
    """PSP AGID_01 on channel 97735020584_09, which the platform's DASPO query leaves out."""
    activations = table[table["tipoEvento"] == "activatePaymentNoticeV2"]
    assert set(activations["psp"]) == {"AGID_01"}
    assert set(activations["canale"]) == {"97735020584_09"}
    assert set(table.loc[table["tipoEvento"] == "pspNotifyPaymentV2", "psp"]) == {"psp-a", "psp-b", "psp-c"}


def test_identifiers_have_the_platforms_form(table):
    """Fiscal codes of 11 digits, notice numbers of 18 that begin with 3, IUVs of 17, stations and channels `CF_nn`."""
    patterns = {
        "idDominio": r"\d{11}",
        "iuv": r"\d{17}",
        "noticeNumber": r"3\d{17}",
        "paymentToken": r"([0-9a-f]{32})?",
        "stazione": r"\d{11}_\d\d",
        "canale": r"(\d{11}_\d\d)?",
        "sessionId": r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}",
        "dataOraEvento": r"2024-01-01T\d\d:\d\d:\d\d\.\d{3}",
        "uniqueId": r"2024-01-01_\d+",
    }
    for column, pattern in patterns.items():
        assert all(re.fullmatch(pattern, value) for value in table[column].unique()), column
    assert table["uniqueId"].is_unique
    assert (table["noticeNumber"] == "3" + table["iuv"]).all()
    assert (table["insertedTimestamp"].sort_values().to_numpy() == table["insertedTimestamp"].to_numpy()).all()


def test_a_token_belongs_to_one_payment_and_a_session_to_one_call(run, table):
    """As many tokens as payments with one; two halves of a call share their session, and no two calls do."""
    payments = run.payments
    assert table.loc[table["paymentToken"] != "", "paymentToken"].nunique() == payments["issued_s"].notna().sum()
    interface = table[table["categoriaEvento"] == "INTERFACCIA"]
    assert not interface.duplicated(["sessionId", "sottoTipoEvento", "iuv", "paymentToken"]).any()
    assert (interface.groupby("sessionId")["tipoEvento"].nunique() == 1).all()


def test_a_change_belongs_to_the_session_of_the_call_that_brought_it_about(table):
    """That call has a request with this session before the change and, where it is answered, the response not before.

    The change has the call's sessionIdOriginal and businessProcess too. Some calls were sent again after a first send
    that came to nothing: their changes are not in the first session.
    """
    changes = table[(table["categoriaEvento"] == "INTERNO") & ~table["tipoEvento"].isin(["mod3CancelV2", "paSendRt"])]
    keys = ["sessionId", "iuv", "transactionId"]
    own = ["sessionId", "sessionIdOriginal", "businessProcess", "tipoEvento", "iuv", "transactionId"]
    interface = table[table["categoriaEvento"] == "INTERFACCIA"]
    requests = interface[interface["sottoTipoEvento"] == "REQ"]
    joined = changes.merge(requests[[*own, "dataOraEvento"]], on=own, how="left", suffixes=("", "_req"))
    assert len(joined) == len(changes)
    assert joined["dataOraEvento_req"].notna().all()
    assert (joined["dataOraEvento_req"] <= joined["dataOraEvento"]).all()
    responses = interface[interface["sottoTipoEvento"] == "RESP"]
    joined = changes.merge(responses[[*keys, "dataOraEvento"]], on=keys, suffixes=("", "_resp"))
    assert (joined["dataOraEvento"] <= joined["dataOraEvento_resp"]).all()
    firsts = requests.drop_duplicates(["tipoEvento", "iuv", "transactionId"])["sessionId"]
    assert (~changes["sessionId"].isin(firsts)).any()


def test_faults_are_those_of_the_nodes_replies(run, table):
    """Counted in the records; each with what it means."""
    faults = table[table["faultCode"] != ""].drop_duplicates("sessionId")
    records = run.table("calls")["fault"].astype(str)
    assert faults["faultCode"].value_counts().to_dict() == records[records != "none"].value_counts().to_dict()
    assert (faults["faultDescription"] != "").all()


def test_the_log_of_the_world_by_hand_is_what_its_times_say(tmp_path):
    """At one instant the Node hears, changes and speaks; the run begins at midnight, the cart comes 50 s later."""
    shown = log(stored(tmp_path).folder)
    told = shown[["dataOraEvento", "sottoTipoEvento", "tipoEvento", "status", "outcome"]]
    assert ["|".join(row)[17:] for row in told.itertuples(index=False)] == [
        "50.010|REQ|activatePaymentNoticeV2||",
        "50.110|REQ|paGetPayment||",
        "50.650|RESP|paGetPayment||OK",
        "50.650|INTERN|activatePaymentNoticeV2|PAYING|",
        "50.650|INTERN|activatePaymentNoticeV2|PAYING|",
        "50.650|RESP|activatePaymentNoticeV2||OK",
        "50.670|REQ|closePaymentV2||OK",
        "50.670|INTERN|closePaymentV2|PAYMENT_RESERVED|",
        "50.670|INTERN|closePaymentV2|PAYMENT_SENT|",
        "50.770|RESP|closePaymentV2||OK",
        "50.770|REQ|pspNotifyPaymentV2||",
        "51.430|RESP|pspNotifyPaymentV2||OK",
        "51.430|INTERN|pspNotifyPaymentV2|PAYMENT_ACCEPTED|",
        "52.530|REQ|sendPaymentOutcomeV2||OK",
        *(f"52.530|INTERN|sendPaymentOutcomeV2|{s}|" for s in ("PAID", "PAID", "NOTICE_GENERATED")),
        *(f"52.530|INTERN|sendPaymentOutcomeV2|{s}|" for s in ("NOTICE_GENERATED", "NOTICE_SENT", "NOTICE_SENT")),
        "52.630|RESP|sendPaymentOutcomeV2||OK",
        "52.630|REQ|sendPaymentResult-v2||OK",
        "52.630|REQ|paSendRT||",
        "52.650|RESP|sendPaymentResult-v2||OK",
        "53.370|RESP|paSendRT||OK",
        *("53.370|INTERN|paSendRT|NOTIFIED|" for _ in range(3)),
    ]


def test_a_change_of_a_position_has_no_token_and_one_of_a_receipt_no_channel(tmp_path):
    """NOTIFIED three times at one instant, told apart by what they are about: receipt, position, payment."""
    shown = log(stored(tmp_path).folder)
    notified = shown[shown["status"] == "NOTIFIED"]
    assert [(row.paymentToken != "", row.canale != "") for row in notified.itertuples()] == [
        (True, False),
        (False, True),
        (True, True),
    ]


def test_one_payment_and_a_window_are_parts_of_the_whole_log(run, table):
    """The rows of a payment are those with its IUV and token; those of a window lie in it; the rest is the same."""
    but_number = [column for column in table.columns if column != "uniqueId"]
    one = log(run.folder, 0, PaymentId(0, 5, 0, 0))
    (iuv,) = one["iuv"].unique()
    of_first_try = table[(table["iuv"] == iuv) & table["transactionId"].isin(one["transactionId"])]
    pd.testing.assert_frame_equal(one[but_number], of_first_try[but_number].reset_index(drop=True))
    part = log(run.folder, 0, None, (60.0, 61.0))
    inside = table["dataOraEvento"].between("2024-01-01T00:01:00.000", "2024-01-01T00:01:00.999")
    pd.testing.assert_frame_equal(part[but_number], table.loc[inside, but_number].reset_index(drop=True))


def test_the_same_run_gives_the_same_log_and_another_seed_another(tmp_path):
    """Identifiers are made from seed, replication and payment; nothing is drawn when the log is written."""
    first, again, other = (
        odd(tmp_path / name, "run.window=5 s", f"run.seed={seed}") for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    texts = ["".join(lines(events(Recorded(each.folder), 0))) for each in (first, again, other)]
    assert texts[0] == texts[1]
    tokens = [{row["paymentToken"] for row in csv.DictReader(io.StringIO(text))} - {""} for text in texts]
    assert tokens[0].isdisjoint(tokens[2])


def test_a_scenario_that_begins_at_an_hour_has_it_in_its_log(tmp_path):
    """The run's first moment is `start_hour` of the day, so that queries by hour see the profile."""
    run = stored(tmp_path, arrivals={"rate": "1/s", "profile": [1.0] * 24, "start_hour": 9})
    assert log(run.folder)["dataOraEvento"].iloc[0].startswith("2024-01-01T09:00:0")
