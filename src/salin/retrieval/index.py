"""The vectors of a labelled source corpus, in memory and on disk."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from salin.corpus import Corpus, Sentence
from salin.encoding import Window
from salin.errors import DataError, ModelError, SettingError
from salin.files import atomic_directory, write_json
from salin.models.safety import check_safetensors
from salin.models.tagger import Tagger
from salin.retrieval.nearest import nearest
from salin.retrieval.vectors import SentenceVectors, VectorSettings, centre, mean_of


@dataclass(frozen=True)
class SourceIndex:
    """Finds the source sentences nearest to others.

    Attributes:
        vectors: Makes the vectors of queries.
        source: Unit vectors of the source sentences, not centred, `[sentences, size]`.
        query_mean: What is taken off query vectors where the settings say centred, `[size]`: the mean vector of plain
            target text where that was given, else of the source.
    """

    vectors: SentenceVectors
    source: Tensor
    query_mean: Tensor

    @classmethod
    def build(
        cls, tagger: Tagger, source: Sequence[Sentence], settings: VectorSettings, target: Sequence[Sentence] = ()
    ) -> SourceIndex:
        """Makes the vectors.

        Args:
            tagger: Gives the encoder, unless the settings name another one.
            source: The sentences to be found.
            settings: What vectors are made of.
            target: Plain sentences of the target language, for centring; none are needed.

        Raises:
            DataError: When there are no source sentences.
        """
        if not source:
            raise DataError("there are no source sentences to adapt to", remedy="Give labelled sentences (--source)")
        vectors = SentenceVectors(settings, tagger)
        made = vectors(source)
        return cls(vectors, made, mean_of(vectors(target) if target else made))

    def nearest(
        self, sentences: Sequence[Sentence], k: int, windows: Sequence[Window] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Cosines and indices of the k nearest source sentences, nearest first, `[sentences, k]`.

        Args:
            sentences: The queries.
            k: How many.
            windows: What the tagger's own windower made of the queries, where that is known.
        """
        queries = self.vectors(sentences, windows)
        if self.vectors.settings.centred:
            queries = centre(queries, self.query_mean)
        return nearest(queries, self._compared, k, wordless=self._wordless)

    def among_source(
        self,
        sentences: Sequence[Sentence],
        k: int,
        among: Sequence[tuple[Sequence[int], Sequence[int]]] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """For each source sentence the k nearest others; exact copies of it never count.

        Args:
            sentences: The source sentences that the index was built of.
            k: How many.
            among: Pairs of some sentences and those among which theirs are looked for; each sentence stands in one pair
                on the left. None looks among all.
        """
        groups: dict[str, int] = {}
        own = torch.tensor([groups.setdefault(sentence.text, len(groups)) for sentence in sentences])
        if among is None:
            return nearest(self._compared, self._compared, k, torch.cat([own, own]), self._wordless)
        cosines, indices = torch.full((len(own), k), -torch.inf), torch.zeros(len(own), k, dtype=torch.long)
        for queries, candidates in (map(torch.tensor, pair) for pair in among):
            found, places = nearest(
                self._compared[queries], self._compared[candidates], k, torch.cat([own[candidates], own[queries]]),
                self._wordless[candidates],
            )  # fmt: skip
            cosines[queries, : found.shape[1]] = found
            indices[queries, : found.shape[1]] = candidates[places]
        return cosines, indices

    @cached_property
    def _compared(self) -> Tensor:
        """The source vectors as queries are compared with them."""
        return centre(self.source, mean_of(self.source)) if self.vectors.settings.centred else self.source

    @cached_property
    def _wordless(self) -> Tensor:
        return ~self.source.any(dim=1)

    def save(self, folder: str | Path, corpus: Corpus) -> None:
        """Writes the index with the checksums of the corpus and the model that it was made with."""
        with self.saving(folder, corpus):
            pass

    @contextmanager
    def saving(self, folder: str | Path, corpus: Corpus) -> Generator[Path]:
        """Writes the index, and with it what the block puts into the folder that it is given: all of it or nothing."""
        with atomic_directory(folder, marker="index.json") as temporary:
            save_file({"source": self.source, "query_mean": self.query_mean}, temporary / "vectors.safetensors")
            made_with = {
                "vectors": str(self.vectors.settings),
                "corpus": corpus.checksum,
                "model": self.vectors.made_with(),
            }
            write_json(temporary / "index.json", made_with)
            yield temporary

    @classmethod
    def load(cls, folder: str | Path, corpus: Corpus, tagger: Tagger) -> SourceIndex:
        """Reads an index.

        Raises:
            DataError: When there is none, or it was made with another corpus.
            ModelError: When it was made with another model, or is damaged.
        """
        folder = Path(folder)
        try:
            made_with = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            settings = VectorSettings.parse(made_with["vectors"])
        except (OSError, ValueError, KeyError, TypeError, SettingError, RecursionError) as error:
            raise DataError("no index here", path=folder, remedy="Make one with `salin index`") from error
        if made_with.get("corpus") != corpus.checksum:
            raise DataError(f"this index was made of another corpus than {corpus.name}", path=folder,
                            remedy="Make it again with `salin index`")  # fmt: skip
        vectors = SentenceVectors(settings, tagger)
        if made_with.get("model") != vectors.made_with():
            raise ModelError(f"{folder}: this index was made with another model. Make it again with `salin index`")
        check_safetensors(folder / "vectors.safetensors")
        try:
            tensors = load_file(folder / "vectors.safetensors")
            source, mean = tensors["source"], tensors["query_mean"]
        except (SafetensorError, KeyError) as error:
            raise ModelError(
                f"{folder}: its vectors are damaged ({error}). Make it again with `salin index`"
            ) from error
        if source.shape != (len(corpus), *mean.shape):
            raise ModelError(f"{folder}: its vectors are not one a sentence. Make it again with `salin index`")
        return cls(vectors, source, mean)
