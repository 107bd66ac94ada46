"""Gradients of source sentences on disk: one long row of numbers, mapped into memory as it is read.

Beside it stand where each sentence begins and what all was made with, as an index has it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from salin.adaptation.rules import Rule
from salin.adaptation.sentence_gradients import Packing, SentenceGradient
from salin.corpus import Corpus
from salin.errors import DataError, ModelError
from salin.files import write_json
from salin.models.checksum import weights_checksum
from salin.models.safety import check_safetensors
from salin.models.tagger import Tagger

_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32, "float64": torch.float64}
# numpy knows no bf16; as far as it is concerned these are numbers of two bytes.
_STORED = {"bfloat16": np.uint16, "float16": np.float16, "float32": np.float32, "float64": np.float64}
_NUMBERS, _PLACES, _MADE_WITH = "gradients.npy", "gradients.safetensors", "gradients.json"
_AGAIN = "Make it again with `salin index --factors`"


class GradientStore:
    """What `write` has written. It gives views of the file: what nobody asks for is never read.

    Attributes:
        dtype: What the gradients are in.
        rule: The rule whose clipping they serve.
    """

    def __init__(
        self,
        numbers: Tensor,
        places: Mapping[str, Tensor],
        packing: Packing,
        rule: str,
        clip: float,
        device: torch.device,
    ):
        self.rule, self.dtype = rule, numbers.dtype
        self._clip, self._numbers, self._packing, self._device = clip, numbers, packing, device
        rows: list[list[int]] = torch.stack([places[n] for n in ("start", "positions", "words")], 1).tolist()
        sentences: list[int] = places["sentence"].tolist()
        self._places = {
            sentence: (place, *row) for place, (sentence, row) in enumerate(zip(sentences, rows, strict=True))
        }
        self._norms = places["norms"]

    def __len__(self) -> int:
        return len(self._places)

    @property
    def bytes(self) -> int:
        """What all of them take on disk."""
        return self._numbers.nbytes

    @property
    def modules(self) -> frozenset[str]:
        """The modules that they are the gradients of."""
        of_vectors = (name.rpartition(".")[0] for name in self._packing.vectors)
        return frozenset((*self._packing.factors, *of_vectors))

    def serves(self, rule: Rule) -> bool:
        """Whether a rule takes the same steps from these gradients as from those that it would compute itself."""
        return (getattr(rule, "name", None), rule.clip) == (self.rule, self._clip)

    def get(self, index: int) -> SentenceGradient | None:
        """The gradient of the source sentence with this index; None where it is not stored."""
        if index not in self._places:
            return None
        place, start, positions, words = self._places[index]
        numbers = self._numbers[start : start + self._packing.size(positions)].to(self._device)
        norms: list[float] = self._norms[place].tolist()
        return SentenceGradient(self._packing, numbers, positions, words, norms)

    @staticmethod
    def stands_in(folder: Path) -> bool:
        """Whether a folder holds one."""
        return (folder / _MADE_WITH).exists()

    @classmethod
    def open(cls, folder: Path, corpus: Corpus, tagger: Tagger) -> GradientStore:
        """Opens what stands in a folder.

        Raises:
            DataError: When it was made of another corpus.
            ModelError: When it was made with another model, or is damaged.
        """
        try:
            made_with = json.loads((folder / _MADE_WITH).read_text(encoding="utf-8"))
            known = {key: made_with[key] for key in ("model", "corpus")}
            dtype, rule, clip = str(made_with["dtype"]), str(made_with["rule"]), float(made_with["clip"])
            packed = made_with["packing"]
            packing = Packing(
                tuple((int(calls), int(width)) for calls, width in packed["blocks"]),
                {str(name): (int(i), int(o)) for name, (i, o) in packed["factors"].items()},
                {str(name): int(size) for name, size in packed["vectors"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"{folder / _MADE_WITH}: damaged ({error}). {_AGAIN}") from error
        expected = _checksums(corpus, tagger)
        if known["corpus"] != expected["corpus"]:
            raise DataError(f"its gradients are of another corpus than {corpus.name}", path=folder, remedy=_AGAIN)
        if known["model"] != expected["model"]:
            raise ModelError(f"{folder}: its gradients were made with another model. {_AGAIN}")
        check_safetensors(folder / _PLACES)
        try:
            places = load_file(folder / _PLACES)
            # Copied on writing, which never happens: torch warns of numbers that it may not write to.
            numbers = torch.from_numpy(np.load(folder / _NUMBERS, mmap_mode="c", allow_pickle=False))
            numbers = numbers.view(_DTYPES[dtype]) if dtype == "bfloat16" else numbers
            positions: list[int] = places["positions"].tolist()
            ends = places["start"] + torch.tensor([packing.size(count) for count in positions])
            fits = (
                numbers.dim() == 1
                and numbers.dtype == _DTYPES[dtype]
                and int(ends.max()) == len(numbers)
                and not bool((places["start"] < 0).any())
            )
            if not fits or places["norms"].shape != (len(ends), len(packing.factors)):
                raise ValueError("its files do not fit each other")
            return cls(numbers, places, packing, rule, clip, tagger.device)
        except (OSError, EOFError, SafetensorError, ValueError, KeyError, RuntimeError, TypeError) as error:
            raise ModelError(f"{folder}: its gradients are damaged ({error}). {_AGAIN}") from error


def check_room(folder: Path, size: int) -> None:
    """Checks that a disk has so many bytes left.

    Raises:
        DataError: When it has not.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if size > free:
        raise DataError(
            f"the gradients take {size:,} bytes, and {free:,} are free", path=folder,
            remedy="Store those that your text reaches (--factors reached --target FILE), or name another disk",
        )  # fmt: skip


def write_store(
    folder: Path,
    gradients: Iterable[tuple[int, SentenceGradient]],
    packing: Packing,
    size: int,
    dtype: torch.dtype,
    made_with: Mapping[str, Any],
) -> None:
    """Writes the gradients of source sentences as they are computed.

    Args:
        folder: A folder that stands, such as that of an index which is being written.
        gradients: They, each with the index of its sentence.
        packing: Theirs.
        size: How many bytes they take.
        dtype: Theirs.
        made_with: See [made_with][salin.adaptation.store.made_with].
    """
    name = str(dtype).removeprefix("torch.")
    places: list[tuple[int, int, int, int]] = []
    norms: list[Sequence[float]] = []
    start = 0
    with (folder / _NUMBERS).open("wb") as file:
        described = np.lib.format.dtype_to_descr(np.dtype(_STORED[name]))
        header = {"descr": described, "fortran_order": False, "shape": (size // dtype.itemsize,)}
        np.lib.format.write_array_header_1_0(file, header)
        for index, gradient in gradients:
            numbers = gradient.numbers.cpu()
            file.write((numbers.view(torch.uint16) if name == "bfloat16" else numbers).numpy().data)
            places.append((index, start, gradient.positions, gradient.words))
            norms.append(gradient.norms)
            start += len(numbers)
    columns = torch.tensor(places).reshape(-1, 4).T.contiguous()
    tensors = dict(zip(("sentence", "start", "positions", "words"), columns.unbind(), strict=True))
    tensors = {name: column.clone() for name, column in tensors.items()}
    save_file({**tensors, "norms": torch.tensor(norms, dtype=torch.float64)}, folder / _PLACES)
    packed = {"blocks": packing.blocks, "factors": packing.factors, "vectors": packing.vectors}
    write_json(folder / _MADE_WITH, {**made_with, "dtype": name, "packing": packed})


def made_with(corpus: Corpus, tagger: Tagger, rule: Rule) -> dict[str, Any]:
    """What decides the gradients of a corpus and the tagger that learns from it, and the rule that they serve."""
    return {**_checksums(corpus, tagger), "rule": getattr(rule, "name", ""), "clip": rule.clip}


def _checksums(corpus: Corpus, tagger: Tagger) -> dict[str, str]:
    """Of its words and tags; and of all weights, how it is cut, and what is adapted."""
    settings = tagger.settings
    parts = (weights_checksum(tagger.network), tagger.windower.lengths, settings.tags, settings.frozen_blocks)
    # What a corpus does not annotate takes no part in the loss, also where no sentence of it shows that.
    return {"corpus": f"{corpus.checksum} {sorted(corpus.labels)}", "model": " ".join(map(str, parts))}
