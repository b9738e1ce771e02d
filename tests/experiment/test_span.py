"""Spans between two quantities, as written and as values."""

import pytest

from sim.experiment import span
from sim.experiment.span import Span, between


@pytest.mark.parametrize(
    ("text", "low", "high", "unit", "whole", "log", "count"),
    [
        ("1..200", 1, 200, "", True, False, None),
        ("1.0..200", 1, 200, "", False, False, None),
        ("0.1..10", 0.1, 10, "", False, False, None),
        ("log:0.1..10:7", 0.1, 10, "", False, True, 7),
        ("lin:1 s..4 s:4", 1, 4, "s", False, False, 4),
        (" log: 100 ms .. 900 ms : 5 ", 100, 900, "ms", False, True, 5),
        ("0.75/s..9/s", 0.75, 9, "/s", False, False, None),
        ("0..2%", 0, 2, "%", False, False, None),
        ("0.5 EUR..1e3 EUR", 0.5, 1000, "EUR", False, False, None),
        ("100 ms..10 s", 0.1, 10, "s", False, False, None),
        ("30 s..2 min", 30, 120, "s", False, False, None),
        ("30/min..2/s", 0.5, 2, "/s", False, False, None),
        ("10%..0.5", 0.1, 0.5, "", False, False, None),
        ("50 cent..2 EUR", 50, 200, "cent", False, False, None),
    ],
)
def test_a_span_is_read_with_its_unit(text, low, high, unit, whole, log, count):
    """Limits of one unit keep it, zero needs none, different units become the base unit; whole only if written so."""
    found, steps = span.parse(text)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)
    assert (found.unit, found.whole, found.log, steps) == (unit, whole, log, count)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1..x", "1..x is no range; write 1..5, lin:1 s..4 s:5 or log:100 ms..10 s:7"),
        ("1..5:", "1..5: is no range; write"),
        ("5..1", "5..1 does not run upwards; write the lower limit first"),
        ("1 s..1000 ms", "1 s..1000 ms does not run upwards; write two limits that differ"),
        ("1 s..4%", "1 s and 4% are not of one kind; write both with one unit"),
        ("1..4 s", "1 and 4 s are not of one kind; write both with one unit"),
        ("1 x..4 x", "1 x has the unit x, which is not known; write"),
        ("-1..4", "-1 is negative; write zero or more"),
        ("1..1e999", "1e999 is not finite; write zero or more"),
        ("log:0..1.5", "0..1.5 has no logarithm at 0; write a lower limit above zero"),
        ("1..2000000000000000", "1..2000000000000000 is not a range of whole numbers; write whole limits up to 10000"),
    ],
)
def test_a_text_that_is_no_span_is_refused(text, said):
    """The message says what is wrong and what to write instead."""
    with pytest.raises(ValueError, match="; write") as error:
        span.parse(text)
    assert str(error.value).startswith(said)


@pytest.mark.parametrize("limit", [True, None, [1], {}, "soon", "nan", "1_000"])
def test_a_limit_that_is_no_quantity_is_refused(limit):
    """YAML gives anything."""
    with pytest.raises(ValueError, match="is not a quantity; write for example 10, 250 ms, 120/s or 2%"):
        between(limit, 5)


@pytest.mark.parametrize(
    ("text", "place", "written"),
    [
        ("1 s..5 s", 0, "1 s"),
        ("1 s..5 s", 0.25, "2 s"),
        ("1 s..5 s", 1, "5 s"),
        ("log:1%..100%", 0.5, "10%"),
        ("log:0.001..1000.0", 0.5, "1"),
        ("0.75/s..9/s", 1 / 3, "3.5/s"),
        ("1..4", 0, "1"),
        ("1..4", 0.2499, "1"),
        ("1..4", 0.2501, "2"),
        ("1..4", 0.7499, "3"),
        ("1..4", 1, "4"),
        ("log:1..100", 0.5, "7"),
    ],
)
def test_a_place_between_0_and_1_is_a_value_of_the_span(text, place, written):
    """Linear or in logarithms; each of n whole numbers has 1/n of the places.

    By logarithms 1..100 is 0.5..100.5, whose geometric mean is sqrt(50.25) = 7.09.
    """
    found, _ = span.parse(text)
    assert found.text(found.at(place)) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("lin:1..9:5", ["1", "3", "5", "7", "9"]),
        ("lin:1..10:5", ["1", "3", "6", "8", "10"]),
        ("lin:1 s..2 s:3", ["1 s", "1.5 s", "2 s"]),
        ("lin:0.1..0.7:7", ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"]),
        ("log:1..1000:4", ["1", "10", "100", "1000"]),
        ("log:10 ms..1 s:3", ["0.01 s", "0.1 s", "1 s"]),
        ("log:1e-6..1:3", ["1e-06", "0.001", "1"]),
    ],
)
def test_steps_go_from_limit_to_limit(text, written):
    """At equal distances or by equal factors; 3.25, 5.5 and 7.75 are rounded for whole numbers, halves upwards."""
    found, count = span.parse(text)
    assert [found.text(value) for value in found.steps(count)] == written


def test_a_caller_may_know_better_what_is_whole():
    """A path whose values are fractions has them between 0 and 1 too."""
    assert between(0, 1).whole
    assert not between(0, 1, whole=False).whole
    with pytest.raises(ValueError, match=r"0\.\.1\.5 is not a range of whole numbers"):
        between(0, 1.5, whole=True)


@pytest.mark.parametrize(
    ("one", "other", "are"),
    [
        ("1 s", "1000 ms", True),
        ("1s", "1 s", True),
        ("2 min", "120 s", True),
        ("50%", "0.5", True),
        ("60/min", "1/s", True),
        ("1 EUR", "100 cent", True),
        ("8", "8.0", True),
        ("1 s", "1/s", False),
        ("1 s", "1", False),
        ("1 EUR", "1 s", False),
        ("poisson", " poisson", True),
        ("poisson", "constant", False),
    ],
)
def test_two_ways_to_write_a_quantity_are_the_same(one, other, are):
    """Quantities are compared by what they are, other texts as texts."""
    assert (span.same(one) == span.same(other)) is are


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("1..5", True), ("lin:x", True), ("log:1..", True), ("1 s..x", True), ("../file.csv", False), ("1,2..3", False)],
)
def test_what_begins_as_a_span_must_be_one(text, is_one):
    """So that a slip in a range is not taken for a value."""
    assert span.is_span(text) is is_one


def test_a_span_is_shown_as_it_would_be_written():
    """In the unit that it has."""
    assert str(Span(0.1, 10, "s", log=True)) == "log:0.1 s..10 s"
    assert str(Span(1, 200, whole=True)) == "1..200"
