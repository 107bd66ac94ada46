"""The adapter: a tagger that takes a step towards each sentence before it tags it."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from salin.adaptation.engines import BatchedAdaptation, SequentialAdaptation, SequentialTask, find_adaptable
from salin.adaptation.layout import lay_out
from salin.adaptation.rules import Rule, make_rule
from salin.corpus import Corpus, Neighbour, Sentence, TagsText
from salin.encoding import Window, length_buckets, padding_piece
from salin.errors import SettingError
from salin.models.labelled import LabelledSentences, gold_of
from salin.models.losses import Gold
from salin.models.tagger import Tagger
from salin.retrieval import SourceIndex, VectorSettings

_LOG = logging.getLogger(__name__)
_READ_AHEAD = 512
_PIECES_A_BATCH = 6144
# Chosen on source data alone, as is the step size of `sgd`: docs/decisions/0006.
DEFAULT_VECTORS = "mean-0-centred"


class Adapter(TagsText):
    """Tags each sentence with weights that one or a few steps on its nearest labelled source sentences have changed.

    It is deterministic (dropout is off), a sentence's tags do not depend on what is tagged beside it beyond rounding,
    and the tagger is left as it was, also after an error.

    Args:
        tagger: The tagger, however it was trained.
        source: Labelled sentences to learn from: a corpus, or several that may annotate different types.
        k: Source sentences a sentence.
        rule: `sgd`, `bertadam`, or a rule with a step size of its own.
        steps: Gradient steps.
        vectors: What similarity is measured with; see `VectorSettings.parse`.
        index: An index of the source made before; it decides the vectors.
        target: Plain sentences of the target language: their mean centres the queries, where vectors are centred.
        engine: `batched`; `sequential` for one sentence at a time; `auto` takes the batched one wherever it can adapt
            something.

    Raises:
        SettingError: When nothing can be adapted, or k or steps are not positive.
        DataError: When the source is empty or its labels are not the tagger's.
    """

    def __init__(
        self,
        tagger: Tagger,
        source: Corpus | Sequence[Corpus],
        *,
        k: int = 2,
        rule: str | Rule = "sgd",
        steps: int = 1,
        vectors: str = DEFAULT_VECTORS,
        index: SourceIndex | None = None,
        target: Sequence[Sentence] = (),
        engine: Literal["auto", "batched", "sequential"] = "auto",
    ):
        if k < 1 or steps < 1:
            raise SettingError(f"adaptation needs k and steps of at least 1, not {k} and {steps}")
        self.tagger, self.k, self.steps = tagger, k, steps
        self.labels = tagger.labels
        self.rule = make_rule(rule) if isinstance(rule, str) else rule
        self._source = LabelledSentences.from_corpora(
            [source] if isinstance(source, Corpus) else source, tagger.settings
        )
        self._index = index or SourceIndex.build(tagger, self._source.sentences, VectorSettings.parse(vectors), target)
        if len(self._index.source) != len(self._source):
            counts = f"{len(self._index.source)} sentences, but the source has {len(self._source)}"
            raise SettingError(f"the index is of {counts}")
        self._windows: dict[int, list[Window]] = {}
        adaptable = find_adaptable(tagger.network, tagger.settings.frozen_blocks)
        if not adaptable.modules:
            raise SettingError("this network has no layer above its frozen blocks that can be adapted")
        self.adapted, self.excluded = adaptable.modules, adaptable.excluded
        for name, reason in adaptable.excluded:
            _LOG.info("not adapted: %s (%s)", name, reason)
        self._sequential = engine == "sequential"

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Tags sentences, lazily and in order; each comes with the neighbours it learned from."""
        iterator = iter(sentences)
        while block := list(itertools.islice(iterator, _READ_AHEAD)):
            cosines, indices = self._index.nearest(block, self.k)
            near = [
                [(i, cosine) for i, cosine in zip(row, values, strict=True) if cosine > float("-inf")]
                for row, values in zip(indices.tolist(), cosines.tolist(), strict=True)
            ]
            emissions = self._emissions(block, [[i for i, _ in row] for row in near])
            for sentence, row in zip(self.tagger.decode(block, emissions), near, strict=True):
                neighbours = (Neighbour(self._source.sentences[i], cosine) for i, cosine in row)
                yield replace(sentence, neighbours=tuple(neighbours) if sentence.words else ())

    def _emissions(self, block: Sequence[Sentence], neighbours: Sequence[Sequence[int]]) -> list[Tensor]:
        """Tag scores at the words of each sentence after its own steps, `[words, tags]`."""
        queries: list[list[Window]] = [[] for _ in block]
        for window in self.tagger.windower.windows(block):
            queries[window.sentence].append(window)
        supports = [self._support(near) for near in neighbours]
        scores = [torch.zeros(len(s.words), len(self.tagger.settings.tags)) for s in block]
        tasks = [index for index, windows in enumerate(queries) if windows]
        costs = [_cost(queries[index], [window for window, _ in supports[index]]) for index in tasks]
        for group in length_buckets(costs, _PIECES_A_BATCH):
            chosen = [tasks[index] for index in group]
            run = self._one_by_one if self._sequential else self._together
            at_words = run([supports[i] for i in chosen], [queries[i] for i in chosen])
            flat = [window for i in chosen for window in queries[i]]
            self.tagger.scatter(scores, flat, at_words.float().cpu())
        return scores

    def _support(self, near: Sequence[int]) -> list[tuple[Window, int]]:
        """The windows of the source sentences with these indices, each with its sentence's index."""
        missing = [index for index in near if index not in self._windows]
        if missing:
            found = self.tagger.windower.windows([self._source.sentences[index] for index in missing])
            self._windows.update((index, []) for index in missing)
            for window in found:
                self._windows[missing[window.sentence]].append(window)
        return [(window, index) for index in near for window in self._windows[index]]

    def _together(self, supports: list[list[tuple[Window, int]]], queries: list[list[Window]]) -> Tensor:
        network, pad = self.tagger.network, padding_piece(self.tagger.tokenizer)
        engine = BatchedAdaptation(network, self.adapted, self.rule, self.steps)
        device = self.tagger.device
        support = lay_out([[window for window, _ in windows] for windows in supports], pad).to(device)
        gold = self._gold(supports).to(device)
        # A task without support words has no loss, takes no step, and is tagged plainly.
        with engine.adapted(support, replace(gold, rows=support.batch.rows)) as fast, torch.no_grad():
            return fast.forward(lay_out(queries, pad).to(device))

    def _one_by_one(self, supports: list[list[tuple[Window, int]]], queries: list[list[Window]]) -> Tensor:
        pad = padding_piece(self.tagger.tokenizer)
        engine = SequentialAdaptation(self.tagger.network, self.adapted, self.rule, pad, self.steps)
        tasks = [
            SequentialTask([window for window, _ in support], self._gold([support]).to(self.tagger.device), query)
            for support, query in zip(supports, queries, strict=True)
        ]
        return torch.cat([engine.emissions(task) for task in tasks])

    def _gold(self, supports: list[list[tuple[Window, int]]]) -> Gold:
        source = self._source
        labelled = [
            (source.tags[i], source.annotated[i] if source.annotated is not None else None)
            for windows in supports
            for _, i in windows
        ]
        tasks = [task for task, windows in enumerate(supports) for _ in windows]
        return gold_of([window for windows in supports for window, _ in windows], labelled, tasks, len(supports))


def _cost(query: Sequence[Window], support: Sequence[Window]) -> int:
    """About how many pieces a task takes, padding within the task included."""
    return sum(max(map(len, part)) * len(part) for part in (query, support) if part)
