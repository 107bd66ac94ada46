"""Exact nearest neighbours by cosine."""

from __future__ import annotations

import torch
from torch import Tensor

_SCORES_AT_ONCE = 16_000_000


def nearest(
    queries: Tensor, source: Tensor, k: int, exclude: Tensor | None = None, wordless: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The k source vectors nearest to each query.

    Args:
        queries: Unit vectors, `[queries, size]`.
        source: Unit vectors, `[source, size]`.
        k: How many; fewer where there are fewer.
        exclude: A group number for each source vector and query together, `[source + queries]`: a query never gets a
            source vector of its own group (itself, or an exact copy of it). None excludes nothing.
        wordless: Which source sentences have no words and so are near to nothing, `[source]`.

    Returns:
        Cosines and indices, `[queries, k]`, nearest first; equal ones in the order of the source. Where too few are
        left, the cosine is minus infinity.
    """
    k = min(k, len(source))
    cosines: list[Tensor] = []
    indices: list[Tensor] = []
    block = max(1, _SCORES_AT_ONCE // max(1, len(source)))
    for start in range(0, len(queries), block):
        scores = queries[start : start + block] @ source.T
        if wordless is not None and wordless.any():
            scores = scores.masked_fill(wordless[None], -torch.inf)
        if exclude is not None:
            own = exclude[len(source) + start : len(source) + start + len(scores)]
            scores = scores.masked_fill(own[:, None] == exclude[None, : len(source)], -torch.inf)
        values, places = _top(scores, k)
        cosines.append(values)
        indices.append(places)
    if not cosines:
        return queries.new_zeros(0, k), torch.zeros(0, k, dtype=torch.long)
    return torch.cat(cosines), torch.cat(indices)


def as_pairs(cosines: Tensor, indices: Tensor) -> list[list[tuple[int, float]]]:
    """For each query the indices and cosines of what `nearest` found, without the places where too little was left."""
    rows: list[list[int]] = indices.tolist()
    values: list[list[float]] = cosines.tolist()
    return [
        [(index, cosine) for index, cosine in zip(row, of_row, strict=True) if cosine > float("-inf")]
        for row, of_row in zip(rows, values, strict=True)
    ]


def _top(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Top k in which equal scores are ordered by index, whatever the thread count."""
    # One more than needed shows whether a tie stands at the border, where topk's choice would be arbitrary.
    values, places = scores.topk(min(k + 1, scores.shape[1]), dim=1)
    keys = torch.argsort(places, dim=1, stable=True)
    values, order = values.gather(1, keys).sort(dim=1, descending=True, stable=True)
    places = places.gather(1, keys).gather(1, order)
    if k < scores.shape[1]:
        tied = values[:, k - 1] == values[:, k]
        for row in torch.nonzero(tied).flatten().tolist():
            candidates = torch.nonzero(scores[row] >= values[row, k]).flatten()
            order = scores[row, candidates].sort(descending=True, stable=True)[1]
            places[row] = candidates[order[: k + 1]]
    return values[:, :k], places[:, :k]
