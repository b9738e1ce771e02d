"""The protocol settings of a scenario: a preset, with what the scenario overrides."""

from dataclasses import replace
from typing import Any

from sim.protocol.faults import Fault
from sim.protocol.settings import PRESETS, ProtocolSettings
from sim.scenario.schema import Protocol


def settings_of(protocol: Protocol) -> ProtocolSettings:
    """Return the settings that a scenario's section `protocol` asks for."""
    given: dict[str, Any] = {
        "token_validity_s": protocol.token_validity,
        "unreachable_is_final": protocol.unreachable_is_final,
        "accepted_expires": protocol.accepted_expires,
        "psp_timeout_s": protocol.psp_timeout,
        "ec_timeout_s": protocol.ec_timeout,
        "receipt_timeout_s": protocol.receipt_timeout,
        "idempotency": protocol.idempotency,
        "idempotency_validity_s": protocol.idempotency_validity,
        "receipt_max_retries": protocol.receipt_max_retries,
        "late_ko_fault": protocol.late_ko_fault and Fault(protocol.late_ko_fault),
        "after_refusal_fault": protocol.after_refusal_fault and Fault(protocol.after_refusal_fault),
    }
    changes = {name: value for name, value in given.items() if value is not None}
    extension = protocol.token_extension
    if extension is not None:
        changes["token_extension_s"] = None if isinstance(extension, str) else extension
    return replace(PRESETS[protocol.preset], **changes)
