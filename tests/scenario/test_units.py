"""Quantities: expected values are the definitions of the units."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.scenario.units import amount_cents, duration_s, rate_per_s, share, shown, size_bytes, whole

READERS = (duration_s, rate_per_s, share, amount_cents, size_bytes)


def said(reader, value):
    """Return what a reader says is wrong, and what to write instead."""
    with pytest.raises(ValueError, match=";") as error:
        reader(value)
    return str(error.value)


@pytest.mark.parametrize(
    ("reader", "written", "value"),
    [
        (duration_s, "250 ms", 0.25),
        (duration_s, "2.5s", 2.5),
        (duration_s, " 15  min ", 900),
        (duration_s, "1.5 h", 5400),
        (duration_s, "2 d", 172800),
        (duration_s, "1e-3 s", 0.001),
        (duration_s, ".5 s", 0.5),
        (duration_s, "+3 s", 3),
        (duration_s, 0, 0),
        (duration_s, "0", 0),
        (rate_per_s, "120/s", 120),
        (rate_per_s, "90 /min", 1.5),
        (rate_per_s, "7200/h", 2),
        (rate_per_s, "86400/d", 1),
        (rate_per_s, 0, 0),
        (share, "98%", 0.98),
        (share, "0.5 %", 0.005),
        (share, 0.98, 0.98),
        (share, "1", 1),
        (share, 0, 0),
        (amount_cents, "12.50 EUR", 1250),
        (amount_cents, "0.5 cent", 0.5),
        (amount_cents, 0, 0),
        (size_bytes, "5 MB", 5_000_000),
        (size_bytes, "2.5 kB", 2500),
        (size_bytes, "1 GB", 1_000_000_000),
        (size_bytes, "7 B", 7),
        (whole, 7, 7),
        (whole, 1e3, 1000),
        (whole, "12", 12),
        (whole, -3, -3),
    ],
)
def test_a_quantity_is_read_in_the_programs_unit(reader, written, value):
    """A duration becomes seconds, a rate events per second, a share 0..1, an amount cents, a size bytes."""
    assert reader(written) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("reader", "written", "message"),
    [
        (duration_s, 5, "5 has no unit of time; write ms, s, min, h or d, for example 5 s"),
        (duration_s, "5 x", "5 x has the unit x, which is none of time; write ms, s, min, h or d, for example 5 s"),
        (duration_s, "0%", "0% has the unit %, which is none of time; write ms, s, min, h or d, for example 0 s"),
        (duration_s, "-3 s", "-3 s is negative; write zero or more, for example 250 ms or 15 min"),
        (duration_s, "soon", "soon is not a quantity; write for example 250 ms or 15 min"),
        (duration_s, "1,5 s", "1,5 s is not a quantity; write for example 250 ms or 15 min"),
        (duration_s, "1 s 5", "1 s 5 is not a quantity; write for example 250 ms or 15 min"),
        (duration_s, "", "an empty text is not a quantity; write for example 250 ms or 15 min"),
        (duration_s, None, "nothing is not a quantity; write for example 250 ms or 15 min"),
        (duration_s, True, "true is not a quantity; write for example 250 ms or 15 min"),
        (duration_s, [1], "a list is not a quantity; write for example 250 ms or 15 min"),
        (duration_s, {"a": 1}, "a section is not a quantity; write for example 250 ms or 15 min"),
        (duration_s, "1e400 s", "1e400 s is not finite; write for example 250 ms or 15 min"),
        (duration_s, "1e308 d", "1e308 d is not finite; write for example 250 ms or 15 min"),
        (duration_s, "\u0663 s", "\u0663 s is not a quantity; write for example 250 ms or 15 min"),
        (rate_per_s, 5, "5 is not a rate; write /s, /min, /h or /d, for example 5/s"),
        (rate_per_s, "5/week", "5/week is not a rate; write /s, /min, /h or /d, for example 5/s"),
        (rate_per_s, "5 s", "5 s is not a rate; write /s, /min, /h or /d, for example 5/s"),
        (rate_per_s, "-1/s", "-1/s is negative; write zero or more, for example 120/s"),
        (share, "120%", "120% is more than 100%; write 0% to 100%"),
        (share, 98, "98 is more than 100%; write 0% to 100%"),
        (share, "5 s", "5 s is not a share; write for example 2% or 0.02"),
        (share, -0.1, "-0.1 is negative; write zero or more, for example 2% or 0.02"),
        (amount_cents, "0 s", "0 s is not an amount; write for example 0 EUR"),
        (amount_cents, 12, "12 is not an amount; write for example 12 EUR"),
        (amount_cents, "12 USD", "12 USD is not an amount; write for example 12 EUR"),
        (amount_cents, "1e307 EUR", "1e307 EUR is not finite; write for example 12.50 EUR"),
        (size_bytes, "5 MiB", "5 MiB is not a size; write B, kB, MB or GB, for example 5 MB"),
        (whole, 1.5, "1.5 is not a whole number; write for example 10"),
        (whole, "many", "many is not a whole number; write for example 10"),
        (whole, False, "false is not a whole number; write for example 10"),
        (whole, None, "nothing is not a whole number; write for example 10"),
        (whole, math.nan, "nan is not a whole number; write for example 10"),
        (whole, math.inf, "inf is not a whole number; write for example 10"),
    ],
)
def test_what_is_no_quantity_is_said_with_what_to_write_instead(reader, written, message):
    """The message repeats what was written, as it was written."""
    assert said(reader, written) == message


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "nan", "inf", ".nan", "NaN s", "inf%", "-inf EUR"])
def test_nothing_that_is_not_finite_is_a_quantity(reader, value):
    """YAML's own .nan and .inf arrive as floats, other spellings as texts."""
    assert said(reader, value).startswith(f"{value} is not a quantity; write for example")


@settings(deadline=None)
@given(
    st.floats(min_value=0, max_value=1e300),
    st.sampled_from([("s", duration_s), ("/s", rate_per_s), ("cent", amount_cents)]),
)
def test_a_quantity_written_in_the_programs_unit_is_read_to_the_last_bit(number, unit):
    """`repr` of a float reads as the same float, so that what is dumped loads as the same."""
    name, reader = unit
    assert reader(f"{number!r} {name}") == number


@settings(deadline=None)
@given(st.one_of(st.text(), st.floats(), st.integers(), st.none(), st.booleans()))
def test_a_reader_either_reads_or_says_what_to_write(value):
    """Whatever YAML may give: a finite number of zero or more, or a message of two parts."""
    for reader in READERS:
        try:
            read = reader(value)
        except ValueError as error:
            problem, semicolon, fix = str(error).rpartition("; ")
            assert semicolon
            assert problem
            assert fix.startswith("write ")
        else:
            assert 0 <= read < math.inf


def test_a_long_quantity_is_refused_in_no_time():
    """A hundred thousand blanks within a quantity must not make the reader try them all against each other."""
    message = said(duration_s, "1" + " " * 100_000 + "!")
    assert message.endswith("... is not a quantity; write for example 250 ms or 15 min")


def test_a_value_is_shown_as_its_author_would_know_it_again():
    """Sixty characters at most; nothing, a list and a section by these words."""
    assert [shown(v) for v in (None, True, [1], {"a": 1}, 0.5, "x y", "  ")] == [
        "nothing", "true", "a list", "a section", "0.5", "x y", "an empty text",
    ]  # fmt: skip
    assert shown("x" * 61) == "x" * 57 + "..."
    assert shown("x" * 60) == "x" * 60
