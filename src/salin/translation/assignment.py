"""Which place of a sentence each entity gets, where several want the same: decided for all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from salin.translation.location import Place

# Entities keep their order as far as scores allow: of two mentions the first gets the first of two places.
# At most a tenth, so that order never outweighs what a place scores for standing there in other letters.
_ORDER = 0.1


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
    weighted set packing, solved exactly as an integer program.

    Args:
        claims: The entities.
        length: Of the sentence in characters.

    Returns:
        For each claim its place, or None.
    """
    options = [(number, place) for number, claim in enumerate(claims) for place in claim.places]
    worth = [place.score - _ORDER * abs(claims[n].position - place.start / max(length, 1)) for n, place in options]
    best: dict[int, int] = {}
    for index, (number, _) in enumerate(options):
        if number not in best or worth[index] > worth[best[number]]:
            best[number] = index
    chosen = list(best.values())
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
    rows = [[place.start <= start < place.end for _, place in options] for start in starts]
    rows += [[owner == number for owner, _ in options] for number in sorted({owner for owner, _ in options})]
    limits = LinearConstraint(np.array(rows, dtype=np.float64), -np.inf, 1)
    # Every place is worth something, however far it is out of order: an entity is not lost for that.
    gain = np.maximum(np.array(worth), 1e-3)
    solved = milp(-gain, integrality=np.ones(len(options), dtype=np.int64), bounds=Bounds(0, 1), constraints=limits)
    return [] if solved.x is None else [index for index, taken in enumerate(solved.x) if taken > 0.5]
