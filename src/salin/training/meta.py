"""Meta-training: first-order MAML over pseudo-tasks, each a source sentence and those most like it (Wu et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from salin.adaptation.adapter import DEFAULT_VECTORS
from salin.adaptation.engines import find_adaptable
from salin.adaptation.layout import TaskBatch, lay_out
from salin.adaptation.rules import RuleName
from salin.corpus import Corpus
from salin.errors import SettingError
from salin.models import Tagger
from salin.models.checksum import folder_checksum
from salin.models.labelled import LabelledSentences, gold_of
from salin.models.losses import Aggregation, Gold
from salin.retrieval import SourceIndex, VectorSettings, as_pairs
from salin.settings import AsBefore
from salin.training.examples import EntityMasking, Epochs, Examples, LabelledWindow
from salin.training.footprint import Footprint
from salin.training.loop import LoopSettings
from salin.training.methods import MethodSettings, made_with, train
from salin.training.objectives import MetaBatch, MetaObjective, TaskGroup
from salin.training.polyglot import check_languages, epochs_of, sentences_by_language
from salin.training.processes import WHOLE, Part

# That of `sgd` was measured on source data (docs/decisions/0006), that of `bertadam` is the published one (SPECS 1.2).
_INNER_RATES: dict[RuleName, float] = {"sgd": 0.05, "bertadam": 3e-5}


SupportsFrom = Literal["any", "same", "other"]


class MetaSettings(MethodSettings):
    """What meta-training has beyond every method's settings.

    Attributes:
        k: Supports a task.
        rule: The inner update rule.
        inner_rate: Its peak step size, None for the rule's own; it follows the outer schedule, as in the published
            code.
        inner_steps: Steps on the supports.
        vectors: What finds supports; made once, before training, by the encoder as it then is.
        supports_from: Which languages the supports of a query come from, where the source has several: `any`, its own
            too; the `same` alone; or `other` ones alone, which is the transfer that adaptation faces at test time.
        switch_supports: Whether the supports of a code-switched query are switched into its language too, as fits
            adaptation to supports that are. By default only queries are switched: the sentence to tag is foreign and
            what it learns from is not.
        first_rank: The rank of the first support among the other sentences: 1 learns from the k nearest, 2 leaves the
            nearest out. The published code drops its first rank in training too, but that is the query itself, which is
            no support here; at test time it drops the nearest sentence.
        mask_supports: Whether entity words of supports are hidden too, as the paper says; the published code hides
            those of queries alone.
        loss_aggregation: What the loss of a task's supports is the mean of: `token-mean`, of all their words, as in the
            published code, so that a long support counts for more; `sentence-mean`, of the means of each. The paper's
            sum over supports is the latter with k times the step size.
    """

    k: int = Field(2, gt=0)
    rule: RuleName = "sgd"
    inner_rate: float | None = Field(None, gt=0)
    inner_steps: int = Field(2, gt=0)
    vectors: str = DEFAULT_VECTORS
    supports_from: Annotated[SupportsFrom, AsBefore("any")] = "any"
    switch_supports: bool = False
    first_rank: Annotated[int, AsBefore(1)] = Field(1, gt=0)
    mask_supports: Annotated[bool, AsBefore(False)] = False
    loss_aggregation: Annotated[Aggregation, AsBefore("token-mean")] = "token-mean"

    @property
    def resolved_inner_rate(self) -> float:
        """The peak step size: steps of different rules are of different kinds, so each has its own."""
        return _INNER_RATES[self.rule] if self.inner_rate is None else self.inner_rate


def train_meta(
    tagger: Tagger, source: Sequence[Corpus], dev: Corpus | Sequence[Corpus], settings: MetaSettings, *,
    folder: Path | None = None, title: str = "meta",
) -> dict[str, float]:  # fmt: skip
    """Meta-trains a tagger, so that a step on similar source sentences helps it.

    Args:
        tagger: Trained in place.
        source: Corpora, of one language or of several; each may annotate fewer types than the tagger has.
        dev: Labelled source sentences that choose the checkpoint, tagged without adaptation: a corpus, or one for each
            of several languages.
        settings: How.
        folder: For the log and checkpoints; a run found there is resumed.
        title: What stands before the progress bar.

    Returns:
        The figures of the chosen evaluation.

    Raises:
        DataError: When a corpus has labels that the tagger does not have.
        SettingError: When the tagger cannot adapt, or lexicons translate from a language that no source is in.
    """
    frozen = tagger.settings.frozen_blocks
    if frozen is None:  # As in Wu et al. 2020, who freeze four of twelve.
        frozen = getattr(tagger.network.classifier.config, "num_hidden_layers", 0) // 3
    modules = find_adaptable(tagger.network, frozen).modules
    if not modules:
        raise SettingError("this network has no layer that adapts, and nothing to gain from meta: train it by direct")
    # What adapts at test time is what adapted here.
    tagger.settings = tagger.settings.model_copy(update={"frozen_blocks": frozen})
    rate = settings.resolved_inner_rate
    objective = MetaObjective(
        modules, settings.rule, rate, settings.inner_steps, settings.max_weight, settings.loss_aggregation
    )
    batches = MetaBatches.of(tagger, source, settings)
    made = made_with(tagger, source, dev, settings) | {"method.vectors": _by_content(settings.vectors)}
    return train(tagger, batches, objective, settings, dev, folder=folder, title=title, made_with=made)


class PseudoTask(NamedTuple):
    """A source sentence as the query of a task, and those most like it as the supports; each as windows with tags."""

    support: Sequence[LabelledWindow]
    query: Sequence[LabelledWindow]


@dataclass(frozen=True)
class MetaBatches:
    """The batches of meta-training: step -> pseudo-tasks, a pure function of `(seed, step)`.

    Attributes:
        examples: The sentences.
        neighbours: For each sentence its supports, nearest first.
        epochs: Which sentences are the queries of a step.
        masking: Hides entity words of queries.
        loop: Its schedule moves the inner step size too.
        pad: The padding piece.
        footprint: Decides how many tasks go through the network at once.
        switch_supports: Whether supports are code-switched into the language of their query.
        mask_supports: Whether entity words of supports are hidden too.
        seed: Decides.
    """

    examples: Examples
    neighbours: tuple[tuple[int, ...], ...]
    epochs: Epochs
    masking: EntityMasking
    loop: LoopSettings
    pad: int
    footprint: Footprint
    switch_supports: bool
    mask_supports: bool
    seed: int

    @classmethod
    def of(cls, tagger: Tagger, source: Sequence[Corpus], settings: MetaSettings) -> MetaBatches:
        """For a tagger, its corpora and settings."""
        labelled = LabelledSentences.from_corpora(source, tagger.settings)
        index = SourceIndex.build(tagger, labelled.sentences, VectorSettings.parse(settings.vectors))
        skipped = settings.first_rank - 1
        among = _among(source, settings.supports_from)
        near = as_pairs(*index.among_source(labelled.sentences, skipped + settings.k, among))
        neighbours = tuple(tuple(i for i, _ in row[skipped:]) for row in near)
        if not any(neighbours):
            raise SettingError(
                f"no source sentence has a support: first_rank is {settings.first_rank:,}, and there are {len(near):,} "
                "sentences, copies included"
            )
        switching = settings.switching.load(source) if settings.switching else None
        examples = Examples(labelled, tagger.windower, tagger.settings, switching)
        return cls(
            examples,
            neighbours,
            epochs_of(source, settings.batch, settings.seed, settings.sampling_temperature, examples.lengths()),
            EntityMasking(settings.mask_rate, tagger.windower.hidden),
            settings.loop,
            tagger.windower.padding,
            Footprint.of(tagger.network, tagger.settings.frozen_blocks, settings.rule, settings.inner_steps),
            settings.switch_supports,
            settings.mask_supports,
            settings.seed,
        )

    def tasks(self, step: int) -> list[PseudoTask]:
        """The pseudo-tasks of a step."""
        random = np.random.default_rng([self.seed, step, 2])
        queries = self.epochs(step)
        supports = [index for query in queries for index in self.neighbours[query]]
        lexicons = self.examples.draw(len(queries), random)
        theirs = [lexicon for query, lexicon in zip(queries, lexicons, strict=True) for _ in self.neighbours[query]]
        by_sentence = iter(
            self.examples.windows(
                supports,
                random,
                lexicons=theirs if self.switch_supports else (),
                hide=self.masking if self.mask_supports else None,
            )
        )
        support = [[pair for _ in self.neighbours[query] for pair in next(by_sentence)] for query in queries]
        query = self.examples.windows(queries, random, lexicons=lexicons, hide=self.masking)
        return list(map(PseudoTask, support, query))

    def __call__(self, step: int, part: Part = WHOLE) -> MetaBatch | None:
        """A part of the batch of a step."""
        tasks = self.tasks(step)
        mine = part.of(tasks)
        if not mine:
            return None
        # Supports cost the most: their gradients are taken at each inner step.
        costs = [sum(len(window) for window, _ in task.support) for task in mine]
        groups = tuple(
            TaskGroup(
                *self._laid_out([mine[i].support for i in group]), *self._laid_out([mine[i].query for i in group])
            )
            for group in self.footprint.groups(costs)
        )
        return MetaBatch(groups, self.loop.rate(step), len(mine) / len(tasks))

    def _laid_out(self, tasks: Sequence[Sequence[LabelledWindow]]) -> tuple[TaskBatch, Gold]:
        laid_out = lay_out([[window for window, _ in task] for task in tasks], self.pad)
        pairs = [(pair, number) for number, task in enumerate(tasks) for pair in task]
        windows, known = [window for (window, _), _ in pairs], [labels for (_, labels), _ in pairs]
        gold = gold_of(windows, known, [number for _, number in pairs], len(tasks))
        return laid_out, replace(gold, rows=laid_out.batch.rows)


def _among(source: Sequence[Corpus], wanted: SupportsFrom) -> list[tuple[Sequence[int], Sequence[int]]] | None:
    """Pairs of the sentences of a language and those that may support them; None where all may.

    Raises:
        SettingError: When the language of a corpus is not known, or there is only one.
    """
    if wanted == "any":
        return None
    check_languages(source, f"supports_from = {wanted!r}")
    languages = sentences_by_language(source)
    if wanted == "same":
        return [(own, own) for own in languages]
    if len(languages) == 1:
        raise SettingError(
            f"supports_from = 'other' needs sources of several languages; these are all in {source[0].language!r}"
        )
    everything = {index for own in languages for index in own}
    return [(own, sorted(everything.difference(own))) for own in languages]


def _by_content(vectors: str) -> str:
    """Sentence vectors with a checksum in the place of an encoder's folder, which may move."""
    encoder = VectorSettings.parse(vectors).encoder
    if encoder is None or not Path(encoder).is_dir():
        return vectors
    return vectors.removesuffix(encoder) + folder_checksum(Path(encoder))[:16]
