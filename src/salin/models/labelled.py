"""Labelled sentences in a model's own terms: a tag index for each word, and which tags their annotation covers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from salin.corpus import Corpus, Sentence
from salin.corpus.labels import dropping
from salin.encoding import Window
from salin.errors import DataError
from salin.models.losses import Gold
from salin.models.settings import TaggerSettings


@dataclass(frozen=True)
class LabelledSentences:
    """Sentences of one or more corpora with their tag indices.

    Attributes:
        sentences: All sentences.
        tags: For each sentence the tag index of each word.
        annotated: For each sentence a `[tags]` mask of what its corpus annotates, or one for each word,
            `[words, tags]`, some of which may leave nothing but the word's own tag open; None where all do.
        languages: That of each sentence's corpus, `""` where it is not said.
    """

    sentences: tuple[Sentence, ...]
    tags: tuple[tuple[int, ...], ...]
    annotated: tuple[Tensor, ...] | None
    languages: tuple[str, ...]

    @classmethod
    def from_corpora(cls, corpora: Sequence[Corpus], settings: TaggerSettings) -> LabelledSentences:
        """Puts corpora together.

        Args:
            corpora: Each may annotate fewer types than the model has: a type that a corpus does not annotate takes no
                part in the loss of its sentences.
            settings: The model's labels.

        Raises:
            DataError: When a corpus has a type that the model does not have, or none that it has.
        """
        index = {tag: i for i, tag in enumerate(settings.tags)}
        sentences: list[Sentence] = []
        tags: list[tuple[int, ...]] = []
        annotated: list[Tensor] = []
        languages = tuple(corpus.language for corpus in corpora for _ in corpus)
        for corpus in corpora:
            check_labels(corpus, settings.labels)
            covers = torch.tensor([tag == "O" or tag[2:] in corpus.labels for tag in settings.tags])
            for sentence in corpus:
                sentences.append(sentence)
                tags.append(tuple(index[tag] for tag in sentence.tags()))
                annotated.append(covers)
        partial = any(not bool(covers.all()) for covers in annotated)
        return cls(tuple(sentences), tuple(tags), tuple(annotated) if partial else None, languages)

    def __len__(self) -> int:
        return len(self.sentences)


def check_labels(corpus: Corpus, labels: Sequence[str]) -> None:
    """Checks that a model can learn from a corpus.

    Raises:
        DataError: When the corpus has a type that is not among `labels`, or none that is.
    """
    name = corpus.name or "the corpus"
    unknown = sorted(set(corpus.labels) - set(labels))
    if unknown:
        first = next((s.origin for s in corpus if any(e.label in unknown for e in s.entities)), "")
        raise DataError(
            f"{name} has the label {', '.join(unknown)}, which the model does not have (it has {', '.join(labels)})",
            path=first or None,
            remedy=f"Drop or rename it: --map {dropping(unknown)} (for --source of an adapter: --source-map); "
            "in Python: corpus.only(tagger.labels)",
        )
    if not set(corpus.labels) & set(labels):
        raise DataError(
            f"{name} has no labelled entity of the model's types ({', '.join(labels)})",
            remedy="Give labelled sentences",
        )


def check_annotated(corpora: Iterable[Corpus], labels: Sequence[str]) -> None:
    """Checks that corpora annotate all types of a model, as one needs that learns a label for each byte.

    Raises:
        DataError: With the first that does not.
    """
    for corpus in corpora:
        if missing := sorted(set(labels) - set(corpus.labels)):
            origin = next((sentence.origin for sentence in corpus), "")
            raise DataError(
                f"does not annotate {', '.join(missing)}, and this network learns a label for each byte, so that all "
                "its corpora have to annotate the same types",
                path=origin.rpartition(":")[0] or corpus.name or "a corpus",
                remedy=f"Leave it out, or train a tagger without that (--map {dropping(missing)})",
            )


def gold_of(windows: Sequence[Window], labelled: Sequence[tuple[Sequence[int], Tensor | None]], tasks: Sequence[int],
            count: int) -> Gold:  # fmt: skip
    """What is known of the decided words of a batch of windows.

    Args:
        windows: In the order of the batch's rows; the windows of a sentence stand together, the first one first.
        labelled: For each window the tags and the mask or masks of its whole sentence.
        tasks: The task of each window.
        count: The number of tasks.
    """
    tags = [known[word] for window, (known, _) in zip(windows, labelled, strict=True) for word in window.owned]
    sizes = torch.tensor([len(window.owned) for window in windows], dtype=torch.long)
    masks = None
    if any(mask is not None and not bool(mask.all()) for _, mask in labelled):
        stacked = [mask[None].expand(len(w.owned), -1) if mask.dim() == 1 else mask[list(w.owned)]
                   for w, (_, mask) in zip(windows, labelled, strict=True) if mask is not None]  # fmt: skip
        masks = torch.cat(stacked)
    rows = torch.repeat_interleave(torch.arange(len(windows)), sizes)
    by_task = torch.repeat_interleave(torch.tensor(tasks, dtype=torch.long), sizes)
    # A sentence's first window decides its first word.
    begins = torch.tensor([window.owned[:1] == (0,) for window in windows], dtype=torch.long)
    chains = torch.repeat_interleave(begins.cumsum(0), sizes)
    return Gold(torch.tensor(tags, dtype=torch.long), masks, rows, by_task, count, chains)
