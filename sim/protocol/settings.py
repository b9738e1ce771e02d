"""Protocol settings and the two presets.

`sanp-3.6.1` is the text of the specification, `nodo-observed` is what public tests and production settings of the
real platform show where they differ. Every field can be overridden: by a scenario all but
`broadcast`, which only replays have. Times are in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sim.protocol.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolSettings:
    """Every rule of the Node that is a number or a choice."""

    token_validity_s: float
    """Validity asked for each token (BP-PSP: at most 30 min)."""
    token_extension_s: float | None
    """Deadline of a cart closed OK, counted from the close; `None` keeps the token's own deadline."""
    unreachable_is_final: bool
    """Whether an unreachable PSP cancels at once, or is a technical exception to wait out (R7)."""
    accepted_expires: bool
    """Whether an accepted cart whose outcome never comes is cancelled at its deadline."""
    late_ko_fault: Fault
    """Answer to an outcome KO for a cancelled token (R13)."""
    after_refusal_fault: Fault
    """Answer to an outcome OK after the PSP's own KO (R8)."""
    psp_timeout_s: float = 7.0
    ec_timeout_s: float = 7.0
    receipt_timeout_s: float = 15.0
    idempotency: bool = True
    idempotency_validity_s: float = 600.0
    receipt_max_retries: int = 48
    """Sends after the first; then the receipt stays pending (API-EC: 48, one an hour)."""
    broadcast: Mapping[str, int] = field(default_factory=dict)
    """Stations per EC that also get receipts in whose transfers the EC shares."""


SANP = ProtocolSettings(
    token_validity_s=1800.0,
    token_extension_s=None,
    unreachable_is_final=False,
    accepted_expires=True,
    late_ko_fault=Fault.PPT_TOKEN_SCADUTO_KO,
    after_refusal_fault=Fault.PPT_SEMANTICA,
)
OBSERVED = ProtocolSettings(
    token_validity_s=900.0,
    token_extension_s=3600.0,
    unreachable_is_final=True,
    accepted_expires=False,
    late_ko_fault=Fault.PPT_SEMANTICA,
    after_refusal_fault=Fault.PPT_TOKEN_SCADUTO,
)
PRESETS: dict[str, ProtocolSettings] = {"sanp-3.6.1": SANP, "nodo-observed": OBSERVED}
