"""Presets and what a scenario overrides in them; expected values are the table of the two readings (docs/model.md)."""

import pytest

from sim.protocol.settings import OBSERVED, SANP
from sim.scenario.presets import settings_of
from sim.scenario.schema import Protocol

TABLE = {
    "sanp-3.6.1": (1800.0, None, False, True, "PPT_TOKEN_SCADUTO_KO", "PPT_SEMANTICA"),
    "nodo-observed": (900.0, 3600.0, True, False, "PPT_SEMANTICA", "PPT_TOKEN_SCADUTO"),
}
COMMON = (7.0, 7.0, 15.0, True, 600.0, 48)
FIELDS = (
    "token_validity_s",
    "token_extension_s",
    "unreachable_is_final",
    "accepted_expires",
    "late_ko_fault",
    "after_refusal_fault",
    "psp_timeout_s",
    "ec_timeout_s",
    "receipt_timeout_s",
    "idempotency",
    "idempotency_validity_s",
    "receipt_max_retries",
)


@pytest.mark.parametrize("preset", TABLE)
def test_a_preset_alone_is_its_column_of_the_table(preset):
    """Nothing is overridden unless it is written."""
    settings = settings_of(Protocol(preset=preset))
    assert tuple(getattr(settings, field) for field in FIELDS) == TABLE[preset] + COMMON


def test_the_text_is_the_preset_unless_another_is_named():
    """SANP 3.6.1 is what the project is about."""
    assert settings_of(Protocol()) == SANP


@pytest.mark.parametrize(
    ("name", "written", "field", "value"),
    [
        ("token_validity", "15 min", "token_validity_s", 900.0),
        ("token_extension", "2 h", "token_extension_s", 7200.0),
        ("token_extension", "none", "token_extension_s", None),
        ("token_extension", 0, "token_extension_s", 0.0),
        ("unreachable_is_final", False, "unreachable_is_final", False),
        ("accepted_expires", True, "accepted_expires", True),
        ("late_ko_fault", "PPT_TOKEN_SCADUTO_KO", "late_ko_fault", "PPT_TOKEN_SCADUTO_KO"),
        ("after_refusal_fault", "PPT_SEMANTICA", "after_refusal_fault", "PPT_SEMANTICA"),
        ("psp_timeout", "8 s", "psp_timeout_s", 8.0),
        ("ec_timeout", "6 s", "ec_timeout_s", 6.0),
        ("receipt_timeout", "20 s", "receipt_timeout_s", 20.0),
        ("idempotency", False, "idempotency", False),
        ("idempotency_validity", "1 min", "idempotency_validity_s", 60.0),
        ("receipt_max_retries", 0, "receipt_max_retries", 0),
    ],
)
def test_every_field_can_be_overridden_and_nothing_else_changes(name, written, field, value):
    """Also by zero, by false and by `none`, which are not the same as saying nothing."""
    settings = settings_of(Protocol(preset="nodo-observed", **{name: written}))
    assert getattr(settings, field) == value
    assert [f for f in FIELDS if getattr(settings, f) != getattr(OBSERVED, f)] in ([field], [])
