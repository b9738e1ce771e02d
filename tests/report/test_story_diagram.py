"""A story as a Mermaid diagram: what it draws, and that Mermaid itself can read it.

The real parser is an npm package. It is looked for in `$PAGOPA_SIM_NPM`, or in `pagopa-sim/npm` of the user's cache.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conformance.mermaid import well_formed

from sim.reader import PaymentId, Recorded
from sim.report.stories.sequence import diagram
from sim.report.stories.story import Call, Story, story

from .story_world import odd, told

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
NPM = Path(os.environ.get("PAGOPA_SIM_NPM") or CACHE / "pagopa-sim" / "npm")
MERMAID = NPM / "node_modules" / "mermaid" / "dist" / "mermaid.core.mjs"
PARSER = """\
const [mermaid, ...diagrams] = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
import(mermaid).then(async ({ default: parser }) => {
  const said = [];
  for (const diagram of diagrams)
    said.push(await parser.parse(diagram).then((read) => read.diagramType, (error) => `refused: ${error.message}`));
  console.log(JSON.stringify(said));
});
"""
"""Reads a list with the package and then diagrams; writes what each of them is, or why it is refused."""


def missing():
    """Say what keeps the real parser from running; nothing if it can."""
    if shutil.which("node") is None:
        return "needs node, which is not installed"
    return "" if MERMAID.is_file() else f"needs Mermaid: npm install --prefix {NPM} mermaid"


def parsed(*diagrams):
    """Return what the real parser says of each diagram."""
    words = json.dumps([MERMAID.as_uri(), *diagrams])
    done = subprocess.run(  # noqa: S603 - the script above
        ["node", "-e", PARSER],  # noqa: S607 - whatever node the user has
        input=words,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Return the diagrams of all payments of the first carts of a run in which everything goes wrong."""
    run = Recorded(odd(tmp_path_factory.mktemp("odd"), "run.window=15 s").folder)
    payments = run.columns("payments", 0, ("cart", "attempt", "notice"))
    keys = zip(*(payments[name].tolist() for name in ("cart", "attempt", "notice")), strict=True)
    return [diagram(story(run, PaymentId(0, *key))) for key in keys]


def test_a_diagram_has_every_call_and_every_change_with_its_time_and_its_rules(tmp_path):
    """A PSP that cannot be reached, as observed; times are those of `model.worlds`."""
    one = told(tmp_path, "psps.psp.pspNotifyPaymentV2.ends.unreachable=100%", "protocol.preset=nodo-observed")
    assert diagram(one).splitlines() == [
        "sequenceDiagram",
        "    participant p0 as Citizen",
        "    participant p1 as Checkout",
        "    participant p2 as Node",
        "    participant p3 as ec 0",
        "    participant p4 as psp",
        "    Note over p0,p4: payment 0:0.0.0 of by-hand, times from 0:00:50.000",
        "    Note over p0: +0.000 s comes with the cart",
        "    p1->>p2: +0.000 s activatePaymentNoticeV2",
        "    p2->>p3: +0.110 s paGetPayment",
        "    p3-->>p2: +0.650 s ok after 540 ms: the EC consents (R1)",
        "    Note over p2: +0.650 s payment: PAYING#59; position: PAYING (R1, R3)<br/>the EC consented: the token is "
        "issued",
        "    p2-->>p1: +0.660 s ok after 660 ms: a token (R1)",
        "    Note over p1: +60.660 s the gateway authorises: the citizen's money is taken",
        "    p1->>p2: +60.660 s closePaymentV2 OK",
        "    Note over p2: +60.670 s payment: PAYMENT_RESERVED, PAYMENT_SENT (R4, R5)<br/>closePaymentV2 OK accepted",
        "    p2-xp4: +60.770 s pspNotifyPaymentV2",
        "    p2-->>p1: +60.780 s ok after 120 ms: accepted#59; the PSP is to be notified (R4)",
        "    Note over p2: +60.830 s pspNotifyPaymentV2: no connection#59; as observed, final (R7)",
        "    Note over p2: +60.830 s payment: PAYMENT_SEND_ERROR, CANCELLED#59; position: INSERTED (R7)<br/>the PSP "
        "cannot be reached: as observed, cancelled at once",
        "    p2->>p1: +60.830 s sendPaymentResult-v2 KO",
        "    Note over p0: +60.840 s goes back to the EC's site",
        "    Note over p1: +60.840 s asks the gateway to give the money back (psp_unreachable) (R7)",
        "    p1-->>p2: +60.850 s ok after 20 ms: Checkout knows, and gives the money back (R7)",
        "    Note over p1: +63.840 s the money is given back",
    ]


def test_all_diagrams_are_well_formed(drawn):
    """Read by the project's own reader of the part of Mermaid that diagrams use, which is stricter than Mermaid."""
    messages = [well_formed(each) for each in drawn]
    assert sum(map(len, messages)) > 300
    assert {arrow for each in messages for _, arrow, _ in each} == {"->>", "-->>", "-x"}


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_mermaid_itself_reads_all_diagrams(drawn):
    """Every one of them is a sequence diagram, and the parser is awake: it refuses one that is broken."""
    *said, broken = parsed(*drawn, drawn[0].replace("->>", "->>>>", 1))
    assert set(said) == {"sequence"}
    assert broken.startswith("refused: ")


@pytest.mark.skipif(bool(missing()), reason=missing())
@pytest.mark.parametrize("name", ["a;b", "#1", "%%{init: {}}%%", "<script>", "end", "a:b", "-->>", "\N{SNOWMAN}", "\n"])
def test_no_name_can_break_a_diagram(name):
    """A run's files may have been changed by hand: whatever PSPs and scenarios are called in them is text."""
    call = Call("pspNotifyPaymentV2", "Node", name, -1, 0, 1.0, 1.0, 1.1, 1.1, 1.2, 1.3, "ok", "none")
    payment = dict.fromkeys(
        ("authorised_s", "paid_s", "cancelled_s", "issued_s", "receipt_s", "reversal_requested_s", "reversed_s")
    )
    payment |= {"requested_s": 0.0, "ec_group": name, "ec": 0, "cancel_cause": "none", "notify_answer": "ok"}
    cart = {"arrived_s": 0.0, "redirected_s": None, "tries": 1, "settled_s": None}
    one = Story(PaymentId(0, 0, 0, 0), name, 1, payment, cart, (), (), (call,), (), (), None)
    well_formed(diagram(one))
    assert parsed(diagram(one)) == ["sequence"]
