"""The adapter: a tagger that takes a step towards each sentence before it tags it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from salin.adaptation.engines import BatchedAdaptation, SequentialAdaptation, SequentialTask, find_adaptable
from salin.adaptation.gradients import Gradients
from salin.adaptation.kept import KeptGradients, pieces_a_batch
from salin.adaptation.layout import TaskBatch, lay_out
from salin.adaptation.rules import Rule, Sgd, make_rule
from salin.adaptation.store import GradientStore
from salin.adaptation.supports import Supports, SupportSet
from salin.corpus import Corpus, Neighbour, Sentence, TagsText
from salin.corpus.tagging import read_ahead
from salin.encoding import Window, length_buckets
from salin.errors import SettingError
from salin.models.labelled import LabelledSentences
from salin.models.tagger import Tagger
from salin.retrieval import SourceIndex, VectorSettings, as_pairs

_LOG = logging.getLogger(__name__)
_READ_AHEAD = 512
# Numbers in one layer's output for queries and supports. On a CPU the memory that a larger batch takes costs more.
_NUMBERS_A_BATCH = {"cpu": 9 << 17, "cuda": 9 << 19}
# Chosen on source data alone, as is the step size of `sgd`: docs/decisions/0006.
DEFAULT_VECTORS = "mean-0-centred"
DEFAULT_KEEP = 2 << 30


class Adapter(TagsText):
    """Tags each sentence with weights that one or a few steps on its nearest labelled source sentences have changed.

    It is deterministic (dropout is off), a sentence's tags do not depend on what is tagged beside it beyond rounding,
    and the tagger is left as it was, also after an error. What is kept of the source belongs to the tagger's weights:
    for a tagger that has been trained on, make another adapter.

    Args:
        tagger: The tagger, however it was trained.
        source: Labelled sentences to learn from: a corpus, or several that may annotate different types.
        k: Source sentences a sentence.
        first_rank: The rank of the first of them: 1 learns from the k nearest, 2 leaves the nearest out, as the
            published code does.
        rule: `sgd`, `bertadam`, or a rule with a step size of its own.
        steps: Gradient steps.
        vectors: What similarity is measured with; see `VectorSettings.parse`.
        index: An index of the source made before; it decides the vectors.
        target: Plain sentences of the target language: their mean centres the queries, where vectors are centred.
        engine: `batched`; `sequential` for one sentence at a time; `auto` takes the batched one wherever it can adapt
            something.
        keep: Bytes for gradients of source sentences, which need not be computed again for the next sentence that has
            them as neighbours; 0 keeps none beyond one batch. With one step, and with the batched engine.
        keep_dtype: What they are kept and multiplied in; None is bf16 for `sgd` where the machine computes in it, else
            the network's own. What comes from a store stays as it is there.
        store: Gradients that were written to disk before.
        frozen_blocks: Blocks that are not adapted, counted from the lowest; all of them leaves the head alone to adapt.
            None is what the tagger's own settings say (those of a meta-trained one do), else all of them.
        min_similarity: A sentence whose nearest support has a smaller cosine is tagged plainly and learns from none;
            None adapts to every sentence.

    Raises:
        SettingError: When nothing can be adapted, a number makes no sense, or the store is of other layers than those
            that adapt.
        ModelError: When the network has fewer blocks than are to be frozen.
        DataError: When the source is empty or its labels are not the tagger's.
    """

    def __init__(
        self,
        tagger: Tagger,
        source: Corpus | Sequence[Corpus],
        *,
        k: int = 2,
        first_rank: int = 1,
        rule: str | Rule = "sgd",
        steps: int = 1,
        vectors: str = DEFAULT_VECTORS,
        index: SourceIndex | None = None,
        target: Sequence[Sentence] = (),
        engine: Literal["auto", "batched", "sequential"] = "auto",
        keep: int = DEFAULT_KEEP,
        keep_dtype: torch.dtype | None = None,
        store: GradientStore | None = None,
        frozen_blocks: int | None = None,
        min_similarity: float | None = None,
    ):
        if min(k, first_rank, steps) < 1:
            found = f"{k}, {first_rank} and {steps}"
            raise SettingError(f"adaptation needs k, first_rank and steps of at least 1, not {found}")
        if frozen_blocks is not None and frozen_blocks < 0:
            raise SettingError(f"frozen_blocks counts blocks from the lowest, so it cannot be {frozen_blocks}")
        if min_similarity is not None and not -1 <= min_similarity <= 1:
            raise SettingError(f"min_similarity is a cosine, from -1 to 1, not {min_similarity}")
        self.tagger, self.k, self.first_rank, self.steps = tagger, k, first_rank, steps
        self.min_similarity = min_similarity
        self.labels = tagger.labels
        self.rule = make_rule(rule) if isinstance(rule, str) else rule
        labelled = LabelledSentences.from_corpora([source] if isinstance(source, Corpus) else source, tagger.settings)
        self._source, self._supports = labelled, Supports(labelled, tagger)
        if first_rank > len(labelled):
            raise SettingError(f"first_rank is {first_rank:,}, and the source has {len(labelled):,} sentences")
        self._index = index or SourceIndex.build(tagger, self._source.sentences, VectorSettings.parse(vectors), target)
        if len(self._index.source) != len(self._source):
            counts = f"{len(self._index.source)} sentences, but the source has {len(self._source)}"
            raise SettingError(f"the index is of {counts}")
        own = tagger.settings.frozen_blocks
        adaptable = find_adaptable(tagger.network, own if frozen_blocks is None else frozen_blocks)
        if not adaptable.modules:
            reasons = "; ".join(sorted({reason for _, reason in adaptable.excluded}))
            raise SettingError(
                f"this network has no layer above its frozen blocks that can be adapted{reasons and f' ({reasons})'}"
            )
        if store is not None and store.modules != frozenset(adaptable.modules):
            raise SettingError("the store holds gradients of other layers than adapt: leave out it or frozen_blocks")
        self.adapted, self.excluded = adaptable.modules, adaptable.excluded
        for name, reason in adaptable.excluded:
            _LOG.info("not adapted: %s (%s)", name, reason)
        self._sequential = engine == "sequential"
        self._engine = BatchedAdaptation(tagger.network, self.adapted, self.rule, steps)
        self.kept: KeptGradients | None = None
        if steps == 1 and not self._sequential:
            dtype = keep_dtype or (self._keep_dtype() if store is None else store.dtype)
            self.kept = KeptGradients(self._engine, self._supports, keep, dtype, store)

    def tag_sentences(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Tags sentences, lazily and in order; each comes with the neighbours it learned from."""
        for block in read_ahead(sentences, _READ_AHEAD):
            windows = self.tagger.windower.windows(block)
            skipped = self.first_rank - 1
            near = [row[skipped:] for row in as_pairs(*self._index.nearest(block, skipped + self.k, windows))]
            if (least := self.min_similarity) is not None:
                near = [row if row and row[0][1] >= least else [] for row in near]
            emissions = self._emissions(block, windows, [[i for i, _ in row] for row in near])
            for sentence, row in zip(self.tagger.decode(block, emissions), near, strict=True):
                neighbours = (Neighbour(self._source.sentences[i], cosine) for i, cosine in row)
                yield replace(sentence, neighbours=tuple(neighbours) if sentence.words else ())

    def _emissions(
        self, block: Sequence[Sentence], windows: Sequence[Window], neighbours: Sequence[Sequence[int]]
    ) -> list[Tensor]:
        """Tag scores at the words of each sentence after its own steps, `[words, tags]`."""
        # What learns from no neighbour is not a task, and costs what plain tagging costs.
        scores = self.tagger.emissions(block, [window for window in windows if not neighbours[window.sentence]])
        queries: list[list[Window]] = [[] for _ in block]
        for window in windows:
            queries[window.sentence].append(window)
        supports = [self._supports.of(near) for near in neighbours]
        tasks = [index for index, near in enumerate(neighbours) if near and queries[index]]
        costs = [_cost(queries[index], supports[index].windows) for index in tasks]
        buckets = length_buckets(costs, pieces_a_batch(self.tagger, _NUMBERS_A_BATCH))
        groups = [[tasks[index] for index in bucket] for bucket in buckets]
        gradients = None if self.kept is None else self.kept.of_groups([[neighbours[i] for i in g] for g in groups])
        for chosen in groups:
            if gradients is not None:
                at_words = self._by_kept(next(gradients), [queries[i] for i in chosen])
            elif self._sequential:
                at_words = self._one_by_one([supports[i] for i in chosen], [queries[i] for i in chosen])
            else:
                at_words = self._together([supports[i] for i in chosen], [queries[i] for i in chosen])
            flat = [window for i in chosen for window in queries[i]]
            self.tagger.scatter(scores, flat, at_words.float().cpu())
        return scores

    def _together(self, supports: Sequence[SupportSet], queries: Sequence[Sequence[Window]]) -> Tensor:
        with self._engine.adapted(*self._supports.laid_out(supports)) as fast, torch.no_grad():
            return fast.forward(self._laid_out(queries))

    def _by_kept(self, gradients: Gradients, queries: Sequence[Sequence[Window]]) -> Tensor:
        with self._engine.adapted_by(gradients) as fast, torch.no_grad():
            return fast.forward(self._laid_out(queries))

    def _one_by_one(self, supports: Sequence[SupportSet], queries: Sequence[Sequence[Window]]) -> Tensor:
        pad = self.tagger.windower.padding
        engine = SequentialAdaptation(self.tagger.network, self.adapted, self.rule, pad, self.steps)
        tasks = [
            SequentialTask(support.windows, self._supports.gold([support]).to(self.tagger.device), query)
            for support, query in zip(supports, queries, strict=True)
        ]
        return torch.cat([engine.emissions(task) for task in tasks])

    def _keep_dtype(self) -> torch.dtype:
        own = next(self.tagger.network.parameters()).dtype
        # BertAdam is nearly the sign of the gradient, so that it takes rounding for more than it is.
        if own != torch.float32 or not isinstance(self.rule, Sgd):
            return own
        if self.tagger.device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else own
        return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else own

    def _laid_out(self, queries: Sequence[Sequence[Window]]) -> TaskBatch:
        return lay_out(queries, self.tagger.windower.padding).to(self.tagger.device)


def _cost(query: Sequence[Window], support: Sequence[Window]) -> int:
    """About how many pieces a task takes, padding within the task included."""
    return sum(max(map(len, part)) * len(part) for part in (query, support) if part)
