"""The published way, its data: windows of word pieces, masks, the order of batches, and the scorer.

Everything here does what the code of Wu et al. (AAAI 2020) does, faults included; each fault is named where it stands
(the numbers are those of SPECS 1.5). The main path of salin does none of this: see `salin.encoding` and
`salin.evaluation`. Knows tokenizers, no models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

TYPES = ("MISC", "PER", "ORG", "LOC")
OUTSIDE = ("O", "X", "[CLS]", "[SEP]")


def label_names(types: Sequence[str] = TYPES) -> tuple[str, ...]:
    """Names the outputs of the classifier: padding, which is never a target, then 12 labels for four types.

    Fault 4: later pieces of a word (`X`) and the two special pieces are classes that the tagger is trained on.
    """
    return ("[PAD]", "O", *(f"{prefix}-{name}" for name in types for prefix in "BI"), "X", "[CLS]", "[SEP]")


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of word pieces with labels. Fault 11: from here on each of them counts as a sentence of its own.

    Attributes:
        pieces: Ids of the pieces, `[n, max_len]`; 0 behind the end.
        labels: Ids of their labels, `[n, max_len]`; 0 behind the end and nowhere else.
    """

    pieces: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, indices: int | Sequence[int] | np.ndarray) -> Windows:
        """Takes the windows with these indices, in this order; a single index gives a batch of one."""
        chosen = torch.as_tensor(np.atleast_1d(indices))
        return Windows(self.pieces[chosen], self.labels[chosen])

    @property
    def mask(self) -> Tensor:
        """True where a window has a piece, `[n, max_len]`."""
        return self.labels != 0

    def to(self, device: torch.device | str) -> Windows:
        """Copies the windows to a device."""
        return Windows(self.pieces.to(device), self.labels.to(device))


def windows(
    sentences: Iterable[tuple[Sequence[str], Sequence[str]]],
    tokenizer: Any,
    names: Sequence[str],
    max_len: int = 128,
) -> Windows:
    """Cuts tagged sentences into windows.

    Args:
        sentences: Words and IOB2 tags of each.
        tokenizer: A Hugging Face tokenizer; each word goes through it on its own.
        names: What `label_names` gives.
        max_len: Pieces of a window, `[CLS]` and `[SEP]` included.

    Returns:
        The windows of all sentences in order, padded to `max_len` whatever their length.

    Raises:
        ValueError: For a tag that is no label, and for a word that the tokenizer makes nothing of.
    """
    ids = {name: index for index, name in enumerate(names)}
    pieces: list[list[int]] = []
    labels: list[list[int]] = []
    for words, tags in sentences:
        if not words:
            continue  # The published reader never gives these.
        if len(words) != len(tags):
            raise ValueError(f"{len(words)} words but {len(tags)} tags: {words}")
        sentence: list[int] = []
        targets: list[int] = []
        per_word: list[list[int]] = tokenizer(list(words), add_special_tokens=False)["input_ids"]
        for word, tag, parts in zip(words, tags, per_word, strict=True):
            if tag not in ids or not parts:
                raise ValueError(f"no label for the tag {tag!r}" if parts else f"no piece in the word {word!r}")
            sentence += parts
            targets += [ids[tag]] + [ids["X"]] * (len(parts) - 1)
        for start, end in cuts(len(sentence), max_len):
            padding = [0] * (max_len - 2 - (end - start))
            pieces.append([tokenizer.cls_token_id, *sentence[start:end], tokenizer.sep_token_id, *padding])
            labels.append([ids["[CLS]"], *targets[start:end], ids["[SEP]"], *padding])
    return Windows(*(torch.tensor(rows, dtype=torch.long).view(-1, max_len) for rows in (pieces, labels)))


def cuts(length: int, max_len: int = 128) -> list[tuple[int, int]]:
    """Gives start and end of each window of a sentence of `length` pieces.

    The first takes what fits; each further one takes the last `max_len // 2` pieces again as context and goes on from
    there. Faults: a window may begin within a word or an entity, and when the last full window ends where the sentence
    ends, one more window follows that holds nothing but context.
    """
    content, context = max_len - 2, max_len // 2
    fresh = context - 2
    if fresh < 1:
        raise ValueError(f"max_len is {max_len}, but windows that overlap by half need at least 6")
    if length <= content:
        return [(0, length)]
    spans, done = [(0, content)], content
    while length >= done + fresh:
        spans.append((done - context, done + fresh))
        done += fresh
    return [*spans, (done - context, length)]


def masked(data: Windows, names: Sequence[str], mask_id: int, rate: float, rng: np.random.RandomState) -> Windows:
    """Replaces pieces of entities by `[MASK]`, each with probability `rate` (SPECS 1.1).

    Fault 3: only the first piece of a word can be masked; the rest of the name stays readable.

    Args:
        data: The windows.
        names: What `label_names` gives.
        mask_id: The id of `[MASK]`.
        rate: The probability, drawn for each piece.
        rng: A `RandomState`, since with the same seed its stream gives back the published code's very draws.
    """
    entity = torch.tensor([name[:2] in ("B-", "I-") for name in names])[data.labels]
    chosen = torch.zeros_like(entity)
    chosen[entity] = torch.as_tensor(rng.random_sample(int(entity.sum())) < rate)
    return Windows(data.pieces.masked_fill(chosen, mask_id), data.labels)


def batches(count: int, size: int, rng: np.random.RandomState | None = None) -> Iterator[tuple[np.ndarray, bool]]:
    """Yields batches of indices for ever: shuffled anew each round, or in order where `rng` is None.

    Fault: a round ends as soon as no more than one batch is left, so what is left is never used in that round. Where
    sentences are scored one by one, the last is never scored and the first comes twice: 0, 1, 2, 3, 0 of five.

    Yields:
        The indices, `[size]`, and whether a new round begins with them (not for the very first, but for a round that
        is over at once).
    """

    def order() -> np.ndarray:
        return np.arange(count) if rng is None else rng.permutation(count)

    indices, start = order(), 0
    while True:
        if renewed := start + size >= count:
            indices, start = order(), 0
        yield indices[start : start + size], renewed
        start += size


def scored_tags(data: Windows, predicted: Tensor, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Lists gold and predicted tags the way they go to the scorer.

    Faults: tags of all windows form one sequence without breaks (12), so that an entity can run on into the next
    window; what two windows share counts twice (11); a window that is full keeps its `[SEP]`, others lose it.

    Args:
        data: The windows, as they were scored.
        predicted: Label ids, `[n, max_len]`; 0 is read as `O`.
        names: What `label_names` gives.
    """
    gold: list[str] = []
    guess: list[str] = []
    later_piece = names.index("X")
    for labels, ids, mask in zip(_rows(data.labels), _rows(predicted), _rows(data.mask), strict=True):
        end = len(labels) if all(mask) else sum(mask) - 1
        for label, index in zip(labels[1:end], ids[1:end], strict=True):
            if label != later_piece:
                gold.append(names[label])
                guess.append(names[index or 1])
    return gold, guess


def counts(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Counts entities by type: correct, predicted, gold (conlleval; `X`, `[CLS]` and `[SEP]` are read as `O`)."""
    true, found = chunks(gold), chunks(predicted)
    right, guessed, present = (Counter(kind for *_, kind in some) for some in (true & found, found, true))
    return {kind: (right[kind], guessed[kind], present[kind]) for kind in sorted(guessed | present)}


def chunks(tags: Sequence[str]) -> set[tuple[int, int, str]]:
    """Finds `(start, end, type)` of each entity; an `I-` that nothing of its type stands before opens one."""
    plain = ["O" if tag in OUTSIDE else tag for tag in ("O", *tags, "O")]
    edges = [i for i, (a, b) in enumerate(pairwise(plain)) if b[:2] == "B-" or a[2:] != b[2:]]
    return {(start, end, plain[start + 1][2:]) for start, end in pairwise(edges) if plain[start + 1] != "O"}


def f1(counted: dict[str, tuple[int, int, int]]) -> float:
    """Gives micro F1 in per cent, to two places: the published code reads it back from conlleval's printout."""
    correct, found, true = (sum(column) for column in zip(*counted.values(), strict=True)) if counted else (0, 0, 0)
    return float(f"{200 * correct / (found + true):.2f}") if correct else 0.0


def _rows(tensor: Tensor) -> list[list[int]]:
    return tensor.tolist()
