"""Entities that want the same words of a sentence get them so that all together fare best."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import OptimizeResult

from salin.translation.assignment import Claim, assign
from salin.translation.location import Place


def test_two_mentions_get_two_places_in_their_order() -> None:
    first, second = Place(0, 5, 1.0), Place(20, 25, 1.0)
    claims = [Claim(0.1, [first, second]), Claim(0.8, [first, second])]
    assert assign(claims, 30) == [first, second]


def test_one_mention_of_two_gets_the_place_that_is_nearer() -> None:
    first, second = Place(0, 5, 1.0), Place(20, 25, 1.0)
    assert assign([Claim(0.75, [first, second])], 30) == [second]


def test_what_stands_there_exactly_outweighs_order() -> None:
    inflected, exact = Place(20, 27, 0.9), Place(0, 5, 1.0)
    assert assign([Claim(0.7, [inflected, exact])], 30) == [exact]


def test_a_name_inside_a_longer_one_gives_way_to_both_elsewhere() -> None:
    club, in_club, town = Place(0, 19, 1.0), Place(0, 5, 1.0), Place(30, 35, 1.0)
    assert assign([Claim(0.0, [club]), Claim(0.1, [in_club, town])], 40) == [club, town]


def test_taking_the_best_first_would_lose_an_entity() -> None:
    """Greedily the first entity takes (0, 5), its best, and the second, which has no other, goes empty."""
    shared, spare = Place(0, 5, 1.0), Place(10, 15, 0.9)
    assert assign([Claim(0.0, [shared, spare]), Claim(0.0, [Place(0, 5, 0.8)])], 20) == [spare, Place(0, 5, 0.8)]


def test_who_has_no_place_gets_none() -> None:
    assert assign([Claim(0.5, [])], 10) == [None]
    assert assign([], 10) == []


def test_a_name_that_a_sentence_repeats_hundreds_of_times_ends_soon() -> None:
    """500 mentions with 500 places each would be a quarter of a million variables."""
    places = [Place(4 * number, 4 * number + 3, 1.0) for number in range(500)]
    assert assign([Claim(number / 500, places) for number in range(500)], 2000) == places


def test_a_name_that_is_repeated_more_often_in_one_half_loses_no_mention() -> None:
    places = [Place(4 * number, 4 * number + 3, 1.0) for number in range(60)]
    assert None not in assign([Claim(number / 120, places) for number in range(60)], 240)


def test_without_an_answer_in_time_the_best_are_taken_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salin.translation.assignment.milp", lambda *_, **__: OptimizeResult(x=None))
    shared, spare = Place(0, 5, 1.0), Place(10, 15, 0.9)
    assert assign([Claim(0.0, [shared, spare]), Claim(0.0, [Place(3, 6, 0.8)])], 20) == [shared, None]
    assert assign([Claim(0.0, [shared, spare]), Claim(0.9, [shared, spare])], 20) == [shared, spare]


spans = st.tuples(st.integers(0, 8), st.integers(1, 4), st.sampled_from([0.7, 0.8, 0.9, 1.0]))


@given(wanted=st.lists(st.lists(spans, max_size=3), max_size=4))
def test_no_assignment_has_a_larger_sum(wanted: list[list[tuple[int, int, float]]]) -> None:
    """Held against trying everything; with no order to keep, since every claim stands at the same position."""
    claims = [Claim(0.0, [Place(start, start + size, score) for start, size, score in places]) for places in wanted]

    def total(given: tuple[Place | None, ...]) -> float:
        taken = [place for place in given if place is not None]
        if any(a.start < b.end and b.start < a.end for a, b in combinations(taken, 2)):
            return -1.0
        return sum(place.score - 0.1 * place.start / 12 for place in taken)

    best = max(total(given) for given in product(*([None, *claim.places] for claim in claims)))
    assert total(tuple(assign(claims, 12))) == pytest.approx(best)
