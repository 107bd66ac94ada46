"""Which place of a sentence each entity gets, where several want the same: decided for all of them at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from salin.translation.location import Place

# Entities keep their order as far as scores allow: of two mentions the first gets the first of two places.
# At most a tenth, so that order never outweighs what a place scores for standing there in other letters.
_ORDER = 0.1
# Places a claim, the best and nearest: where a sentence repeats a name more often, a mention far out of order is lost.
_MOST_PLACES = 64
_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Claim:
    """An entity, and where it may stand.

    Attributes:
        position: Where it begins in the translation, in 0..1.
        places: Where it may stand in the original.
    """

    position: float
    places: Sequence[Place]


def assign(claims: Sequence[Claim], length: int) -> list[Place | None]:
    """Gives each claim at most one of its places, no two that overlap, so that the sum of their scores is largest.

    Places overlap in part (Paris, Paris Saint-Germain), which a matrix of entities and places cannot say, so it is a
    weighted set packing, solved as an integer program: exactly, unless a sentence repeats a name dozens of times.

    Args:
        claims: The entities.
        length: Of the sentence in characters.

    Returns:
        For each claim its place, or None.
    """
    options: list[tuple[int, Place]] = []
    worth: list[float] = []
    chosen: list[int] = []
    for number, claim in enumerate(claims):
        worths = [place.score - _ORDER * abs(claim.position - place.start / max(length, 1)) for place in claim.places]
        order = sorted(range(len(worths)), key=lambda i: -worths[i])[:_MOST_PLACES]
        if order:
            chosen.append(len(options))
        options += [(number, claim.places[i]) for i in order]
        worth += [worths[i] for i in order]
    if _overlap([options[index][1] for index in chosen]):
        chosen = _packed(options, worth)
    given: list[Place | None] = [None] * len(claims)
    for index in chosen:
        number, place = options[index]
        given[number] = place
    return given


def _overlap(places: Sequence[Place]) -> bool:
    ordered = sorted((place.start, place.end) for place in places)
    return any(later[0] < earlier[1] for earlier, later in pairwise(ordered))


def _packed(options: Sequence[tuple[int, Place]], worth: Sequence[float]) -> list[int]:
    # Two spans overlap exactly when one of them holds the other's first character.
    starts = sorted({place.start for _, place in options})
    held = [range(bisect_left(starts, place.start), bisect_left(starts, place.end)) for _, place in options]
    entries = [(row, column) for column, rows in enumerate(held) for row in rows]
    entries += [(len(starts) + owner, column) for column, (owner, _) in enumerate(options)]
    rows, columns = np.array(entries).T
    limits = LinearConstraint(csr_array((np.ones(len(entries)), (rows, columns))), -np.inf, 1)
    # Every place is worth something, however far it is out of order: an entity is not lost for that.
    gain = np.maximum(np.array(worth), 1e-3)
    solved = milp(
        -gain, integrality=np.ones(len(options), dtype=np.int64), bounds=Bounds(0, 1), constraints=limits,
        options={"time_limit": _SECONDS},
    )  # fmt: skip
    if solved.x is None:
        return _greedy(options, gain)
    return [index for index, taken in enumerate(solved.x) if taken > 0.5]


def _greedy(options: Sequence[tuple[int, Place]], gain: np.ndarray) -> list[int]:
    """The best first; what overlaps with it, or is of the same claim, goes empty."""
    chosen: list[int] = []
    best_first: list[int] = np.argsort(-gain, kind="stable").tolist()
    for index in best_first:
        number, place = options[index]
        others = [options[i] for i in chosen]
        if all(n != number and (place.end <= p.start or p.end <= place.start) for n, p in others):
            chosen.append(index)
    return chosen
