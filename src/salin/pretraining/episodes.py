"""Meta-learning episodes: classes are words, and sentences that hide them are to be told apart after a few examples.

Unlike the published tasks (`official_episodes.py`) these are N-way K-shot: each class has as many supports as any
other, every query's class is among them, and no sentence occurs twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from salin.adaptation.rules import RuleName, make_rule
from salin.errors import DataError, SettingError
from salin.pretraining.cost import Passes
from salin.pretraining.hidden_words import HiddenWords, HidesWords, states_at
from salin.pretraining.inner_loop import EpisodeNetwork, adapted_scores, fitted_head, head_scores, wide
from salin.pretraining.packing import DrawsText
from salin.pretraining.word_index import Occurrence, WordIndex, read_words
from salin.settings import StrictSettings

# Steps of different rules are of different kinds. `sgd`'s is the published code's (SPECS 2.7), bertadam's moves a head
# as far. Larger ones fit a head to the noise of a model that has learned nothing yet: at fifty times these the gradient
# of an episode is thirty times that of the next pieces, and a fresh decoder learns neither.
_INNER_RATES: dict[RuleName, float] = {"sgd": 0.01, "bertadam": 5e-5}
# What a decoder has to see before it is asked about a word.
_WORDS_BEFORE = 3
_ATTEMPTS = 100
_SAMPLE = 512


class EpisodeSettings(StrictSettings):
    """What an episode is.

    Attributes:
        ways: N, the classes.
        shots: K, the supports of each class.
        queries: The queries of each class.
        adapts: What the inner loop changes: the `head` alone (Raghu et al. 2020), for which the model is run once; or
            the `model` too, its upper blocks, which it has to be run for at each step.
        rule: The inner update rule.
        inner_rate: Its step size, None for the rule's own.
        inner_steps: Steps on the supports.
        characters: How much text is read to find out where words occur.
        seed: Which text that is.
    """

    ways: int = Field(32, gt=1)
    shots: int = Field(4, gt=0)
    queries: int = Field(1, gt=0)
    adapts: Literal["head", "model"] = "head"
    rule: RuleName = "sgd"
    inner_rate: float | None = Field(None, gt=0)
    inner_steps: int = Field(10, gt=0)
    characters: int = Field(10_000_000, gt=0)
    seed: int = 1

    @property
    def sentences(self) -> int:
        """Of an episode."""
        return self.ways * (self.shots + self.queries)

    @property
    def resolved_inner_rate(self) -> float:
        """The step size."""
        return _INNER_RATES[self.rule] if self.inner_rate is None else self.inner_rate


class Episode(NamedTuple):
    """Sentences of one language in which words are hidden.

    Attributes:
        language: Of all of them.
        words: What is hidden; a word's class is its place here.
        supports: For each word the sentences to learn from.
        queries: For each word the sentences to answer.
    """

    language: str
    words: tuple[str, ...]
    supports: tuple[tuple[Occurrence, ...], ...]
    queries: tuple[tuple[Occurrence, ...], ...]


@dataclass(frozen=True)
class Episodes:
    """The objective: the cross-entropy of the queries after steps on the supports, to first order (Finn et al. 2017).

    Tasks of words and hidden words are from Bansal et al. 2020 and Africa et al. 2025, the inner loop from Raghu et al.
    2020. All classes of an episode are of one language, since languages are told apart too easily.

    Attributes:
        indices: Where words occur, by language; one is drawn for an episode by how much text was read of it.
        hides: Makes rows of sentences.
        settings: What an episode is.
        length: Pieces of a row of text, of which so many are asked for.
    """

    indices: Mapping[str, WordIndex]
    hides: HidesWords
    settings: EpisodeSettings
    length: int

    @classmethod
    def of(
        cls, text: DrawsText, tokenizer: PreTrainedTokenizerFast, length: int, settings: EpisodeSettings, *,
        decodes: bool
    ) -> Episodes:  # fmt: skip
        """Over a text, of which an index is made first.

        Args:
            text: What passages are drawn from.
            tokenizer: Makes the pieces.
            length: Pieces a row at most.
            settings: What an episode is.
            decodes: Whether the model is a decoder, which sees what is left of a word alone.

        Raises:
            DataError: When no language has words enough for an episode.
        """
        random = np.random.default_rng(settings.seed)
        each = settings.shots + settings.queries
        found = read_words(text, settings.characters, each, random, before=_WORDS_BEFORE if decodes else 0)
        rich = {language: index for language, index in found.items() if index.sample(settings.ways, each, random)}
        if not rich:
            most = max(len(index.words) for index in found.values())
            raise DataError(
                f"no language has {settings.ways} words with {each} sentences for each; there are at most {most}",
                remedy="Give more text, or set fewer ways, shots or queries",
            )
        return cls(rich, HidesWords(tokenizer, length, decodes), settings, length)

    @property
    def tokens_per_row(self) -> int:
        """Episodes are as many as have the pieces of the rows asked for, on average."""
        return self.length

    @property
    def passes_per_row(self) -> Passes:
        """What goes through a model for each row."""
        support = self.length * self.settings.shots / (self.settings.shots + self.settings.queries)
        query = self.length - support
        sentence = self.pieces / self.settings.sentences
        if self.settings.adapts == "head":
            return Passes(support + query, query, scored=0, attended=sentence)
        # From the second step on, and for the queries, each layer has a second product: with what the steps changed.
        steps = self.settings.inner_steps
        forward, backward = (2 * steps - 1) * support + 2 * query, (1.5 * steps - 0.5) * support + 1.5 * query
        return Passes(forward, backward, scored=0, attended=sentence)

    @cached_property
    def pieces(self) -> float:
        """Of an episode, on average."""
        random = np.random.default_rng([self.settings.seed, 1])
        rows = 0
        total = 0
        while rows < _SAMPLE:
            support, query = self._rows([self._episode(random)])
            rows += len(support.ids) + len(query.ids)
            total += int(support.mask.sum() + query.mask.sum())
        return self.settings.sentences * total / rows

    def draw(self, rows: int, random: np.random.Generator) -> list[Episode]:
        """Episodes with as many pieces as so many rows have.

        Raises:
            SettingError: When the rows do not have the pieces of a single episode.
        """
        room = rows * self.length / self.pieces
        if room < 1:
            raise SettingError(
                f"an episode has {self.pieces:,.0f} pieces on average, but is to stand for {rows} rows of "
                f"{self.length}. Set fewer ways, shots or queries, or more rows a group"
            )
        return [self._episode(random) for _ in range(int(room + random.random()))]

    def collate(self, examples: Sequence[Episode]) -> dict[str, Tensor]:
        """The rows of all supports, and those of all queries.

        Returns:
            `support_ids` and `support_mask`, `[episodes * supports, length]`, `support_places`, `[episodes * supports]`
            and `support_labels`, `[episodes, supports]`; and the same for `query`.
        """
        tensors: dict[str, Tensor] = {}
        of_class = torch.arange(self.settings.ways)
        counts = self.settings.shots, self.settings.queries
        for kind, rows, each in zip(("support", "query"), self._rows(examples), counts, strict=True):
            labels = of_class.repeat_interleave(each).expand(len(examples), -1)
            named = {"ids": rows.ids, "mask": rows.mask, "places": rows.places, "labels": labels}
            tensors |= {f"{kind}_{name}": tensor for name, tensor in named.items()}
        return tensors

    def weight(self, examples: Sequence[Episode]) -> float:
        """The number of episodes."""
        return float(len(examples))

    def loss(self, model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cross-entropy in nats and accuracy in 0..1 of the queries after the inner loop, and accuracy of the supports.

        The model learns from the queries alone: what the supports have made of the head, and of the model's own
        weights, is held constant.

        How well the inner loop has fitted the supports (`support_accuracy`) tells a head that does not fit from one
        that fits what does not carry over. Of a head alone it costs one more product with states that are there. Of the
        `model` it would be another run of it, two in some fifty of ten steps and more of fewer; so it is that of the
        last step's own run, with all steps behind it but that one, and costs nothing.

        Args:
            model: A language model.
            batch: What `collate` made.
        """
        assert isinstance(model, PreTrainedModel)
        settings = self.settings
        rule = make_rule(settings.rule, settings.resolved_inner_rate)
        support, query = (
            HiddenWords(*(batch[f"{kind}_{name}"] for name in ("ids", "mask", "places")))
            for kind in ("support", "query")
        )
        known, wanted = batch["support_labels"], batch["query_labels"]
        if settings.adapts == "model":
            network = EpisodeNetwork(model, settings.ways).train(model.training)
            scores, of_supports = adapted_scores(network, support, known, query, rule, settings.inner_steps)
            scores = wide(scores)
        else:
            with torch.no_grad():
                supports = wide(states_at(model, support)).view(*known.shape, -1)
            queries = wide(states_at(model, query)).view(*wanted.shape, -1)
            with torch.autocast(model.device.type, enabled=False):
                weights, bias = fitted_head(supports, known, settings.ways, rule, settings.inner_steps)
                scores = head_scores(queries, weights, bias)
                of_supports = head_scores(supports, weights, bias)
        loss = functional.cross_entropy(scores.flatten(0, 1), wanted.flatten())
        accuracy, support_accuracy = (
            (found.argmax(-1) == labels).to(loss.dtype).mean().detach()
            for found, labels in ((scores, wanted), (of_supports, known))
        )
        return {"loss": loss, "accuracy": accuracy, "support_accuracy": support_accuracy}

    def _rows(self, examples: Sequence[Episode]) -> tuple[HiddenWords, HiddenWords]:
        of_supports = [word for episode in examples for word in episode.supports]
        of_queries = [word for episode in examples for word in episode.queries]
        return self.hides(list(chain.from_iterable(of_supports))), self.hides(list(chain.from_iterable(of_queries)))

    def _episode(self, random: np.random.Generator) -> Episode:
        settings = self.settings
        languages = list(self.indices)
        each = settings.shots + settings.queries
        for _ in range(_ATTEMPTS):
            language = languages[int(random.choice(len(languages), p=self._shares))]
            found = self.indices[language].sample(settings.ways, each, random)
            if found is not None:
                supports = tuple(tuple(sentences[: settings.shots]) for sentences in found.values())
                queries = tuple(tuple(sentences[settings.shots :]) for sentences in found.values())
                return Episode(language, tuple(found), supports, queries)
        raise DataError(
            f"hardly any {settings.ways} words have {each} sentences that none of the others needs",
            remedy="Give more text, or set fewer ways, shots or queries",
        )

    @cached_property
    def _shares(self) -> np.ndarray:
        sizes = np.array([index.characters for index in self.indices.values()], float)
        return sizes / sizes.sum()
