"""Addressed draws: the generator against its published definition, addresses, and how uniform the draws are.

The reference is Philox 4x64-10 written out in integers after J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw,
"Parallel random numbers: as easy as 1, 2, 3", SC11, 2011, and checked against the authors' known-answer vectors.
"""

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sim.kernel.streams import Streams, _uniform

FALSE_ALARM = 0.01
WORD = 2**64 - 1
FIRST = [0.2460784442562779, 0.8634363315528243, 0.8635252710824134, 0.42400490197203744]


def philox(counter, key):
    """Return the four words of Philox 4x64-10 for a counter of four words and a key of two."""
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [(second >> 64) ^ c[1] ^ k[0], second & WORD, (first >> 64) ^ c[3] ^ k[1], first & WORD]
        k = [(k[0] + 0x9E3779B97F4A7C15) & WORD, (k[1] + 0xBB67AE8584CAA73B) & WORD]
    return c


def addressed(seed, replication, decision, entity, attempt):
    """Return the uniform at an address, from the definition.

    The key is the BLAKE2b hash, 16 bytes, of `seed/replication/decision`; the counter is the number of the entity's
    group of four, plus one as numpy counts, and the attempt; the top 52 bits of the entity's word are the cell of
    (0, 1) whose midpoint is the draw.
    """
    digest = blake2b(f"{seed}/{replication}/{decision}".encode(), digest_size=16).digest()
    key = [int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")]
    word = philox([entity // 4 + 1, attempt, 0, 0], key)[entity % 4]
    return ((word >> 12) + 0.5) / 2**52


# --- the generator ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        (
            [0, 0, 0, 0],
            [0, 0],
            [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B],
        ),
        (
            [WORD] * 4,
            [WORD] * 2,
            [0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0],
        ),
        (
            [0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89],
            [0x452821E638D01377, 0xBE5466CF34E90C6C],
            [0xA528F45403E61D95, 0x38C72DBD566E9788, 0xA5A1610E72FD18B5, 0x57BD43B5E52B7FE6],
        ),
    ],
)
def test_the_reference_gives_the_known_answers(counter, key, words):
    """The three vectors of philox4x64, 10 rounds, in the file `kat_vectors` of the authors' library Random123."""
    assert philox(counter, key) == words


addresses = st.tuples(
    st.integers(0, 2**63 - 1),
    st.integers(0, 10**6),
    st.text(max_size=20),
    st.integers(0, 2**40),
    st.integers(0, 2**20),
)


@settings(max_examples=200, deadline=None)
@given(address=addresses)
def test_a_draw_is_what_the_definition_says(address):
    """`one` at any address is the number that the reference computes, to the last bit."""
    seed, replication, decision, entity, attempt = address
    assert Streams(seed, replication).one(decision, entity, attempt) == addressed(*address)


def test_the_first_draws_are_these_for_ever():
    """The first four draws of seed 1, replication 0, decision `service`, were written down once.

    They change only if the definition does, and with it every published result of every seed.
    """
    assert Streams(1, 0).block("service", 0, 4).tolist() == FIRST


# --- addresses -------------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(start=st.integers(0, 1000), count=st.integers(0, 50), attempt=st.integers(0, 3))
def test_a_block_is_its_draws_one_by_one(start, count, attempt):
    """Wherever a block begins and ends, each entity has the draw that it has alone."""
    streams = Streams(7, 3)
    block = streams.block("service", start, count, attempt)
    assert block.shape == (count,)
    assert block.tolist() == [streams.one("service", entity, attempt) for entity in range(start, start + count)]


def test_the_order_of_draws_does_not_matter():
    """Forwards, backwards, twice and between other draws: the same entity has the same draw."""
    streams, again = Streams(7, 3), Streams(7, 3)
    forwards = [streams.one("service", entity) for entity in range(20)]
    backwards = [(again.one("other", entity), again.one("service", entity))[1] for entity in reversed(range(20))]
    assert backwards[::-1] == forwards
    assert [streams.one("service", entity) for entity in range(20)] == forwards


def test_every_part_of_an_address_counts():
    """Another seed, replication, decision, entity or attempt gives another number: 2 x 3 x 3 x 40 x 4 all differ.

    Two of 2,880 random numbers of 52 bits are equal with probability 1e-9.
    """
    drawn = [
        Streams(seed, replication).one(decision, entity, attempt)
        for seed in (1, 2)
        for replication in (0, 1, 12)
        for decision in ("a", "b", "ab")
        for entity in range(40)
        for attempt in range(4)
    ]
    assert len(set(drawn)) == len(drawn) == 2880


def test_parts_of_an_address_are_not_run_together():
    """Seed 1 and replication 12 are not seed 11 and replication 2, nor is a decision of digits a replication."""
    assert Streams(1, 12).one("d", 0) != Streams(11, 2).one("d", 0)
    assert Streams(1, 1).one("2/d", 0) != Streams(1, 12).one("d", 0)


def test_adding_a_decision_changes_nothing_else():
    """What `service` draws is the same whether or not thousands of other decisions are drawn around it."""
    alone, among = Streams(7, 3), Streams(7, 3)
    expected = alone.block("service", 0, 100).tolist()
    found = []
    for entity in range(100):
        among.block(f"decision {entity}", entity, 5)
        found.append(among.one("service", entity))
    assert found == expected


def test_more_decisions_than_are_remembered_change_nothing():
    """Keys are kept for some thousands of decisions; one that was forgotten is made again, the same."""
    streams = Streams(7, 3)
    expected = streams.one("service", 5)
    for number in range(5000):
        streams.one(f"decision {number}", 0)
    assert streams.one("service", 5) == expected


# --- uniformity ------------------------------------------------------------------------------------------------------


def test_a_draw_is_never_zero_and_never_one():
    """The words 0 and 2^64 - 1 give 2^-53 and 1 - 2^-53, the midpoints of the first and of the last cell."""
    assert _uniform(np.array([0, WORD], dtype=np.uint64)).tolist() == [2.0**-53, 1 - 2.0**-53]


def test_draws_are_uniform_over_entities():
    """100,000 entities of one decision: Kolmogorov-Smirnov at 1%."""
    assert stats.kstest(Streams(1, 0).block("service", 0, 100_000), "uniform").pvalue > FALSE_ALARM


def test_draws_are_uniform_over_attempts_replications_and_decisions():
    """The first entity of 5,000 attempts, replications or decisions: Kolmogorov-Smirnov, each at 1% (3% in all)."""
    streams = Streams(1, 0)
    for drawn in (
        [streams.one("service", 0, attempt) for attempt in range(5000)],
        [Streams(1, replication).one("service", 0) for replication in range(5000)],
        [streams.one(f"decision {number}", 0) for number in range(5000)],
    ):
        assert stats.kstest(drawn, "uniform").pvalue > FALSE_ALARM


@pytest.mark.parametrize("other", ["next entity", "next attempt", "next replication", "other decision"])
def test_draws_at_neighbouring_addresses_are_independent(other):
    """100,000 pairs on a 10 by 10 grid: chi-square of 99 degrees of freedom, at 1% each (4% in all)."""
    count = 100_000
    first = Streams(1, 0).block("service", 0, count)
    second = {
        "next entity": Streams(1, 0).block("service", 1, count),
        "next attempt": Streams(1, 0).block("service", 0, count, attempt=1),
        "next replication": Streams(1, 1).block("service", 0, count),
        "other decision": Streams(1, 0).block("arrival", 0, count),
    }[other]
    cells = np.bincount((first * 10).astype(int) * 10 + (second * 10).astype(int), minlength=100)
    assert stats.chisquare(cells).pvalue > FALSE_ALARM


def test_the_bits_of_draws_are_fair():
    """Each of the 52 bits is one in half of 100,000 draws: the largest deviation, at 1% over all (Bonferroni)."""
    count = 100_000
    cells = (Streams(1, 0).block("bits", 0, count) * 2.0**52).astype(np.uint64)
    ones = np.array([int(((cells >> np.uint64(bit)) & np.uint64(1)).sum()) for bit in range(52)])
    limit = stats.norm.ppf(1 - FALSE_ALARM / 52 / 2)
    assert np.abs(ones - count / 2).max() / np.sqrt(count / 4) <= limit
