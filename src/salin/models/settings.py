"""`salin.json`: what a tagger's folder holds beyond a plain Hugging Face folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from salin.errors import ModelError
from salin.files import write_json
from salin.settings import AsBefore, StrictSettings
from salin.validation import explain

FILE = "salin.json"

#: What decides on tags: each word by itself as far as IOB2 allows it, a linear chain over the words as far as IOB2
#: allows it, or a linear chain by itself.
Head = Literal["softmax", "crf", "free-crf"]


class TaggerSettings(StrictSettings):
    """What a tagger is beyond its weights.

    Attributes:
        labels: Entity types, sorted.
        head: `softmax`; `crf` for a linear chain over the words in which what IOB2 forbids is impossible; `free-crf`
            for one that may take any step, as textbooks have it: illegal tags are read as conlleval reads them.
        right_context: Whether a decoder's pieces see what is on their right as well.
        max_length: Pieces a window, special ones included. Byte-level networks read whole sentences.
        overlap: Pieces that neighbouring windows share; None is half a window.
        temperature: Logits are divided by it before they become probabilities; fitted on source dev (Guo et al. 2017).
        frozen_blocks: Transformer blocks, counted from the lowest, that adaptation leaves alone: those that did not
            adapt in meta-training. None leaves it to who adapts.
        provenance: How the tagger was made, for people: method, data, seed, salin's version.
    """

    format: Literal[1] = 1
    labels: tuple[str, ...] = Field(min_length=1)
    head: Head = "softmax"
    right_context: Annotated[bool, AsBefore(False)] = False
    max_length: int = Field(default=128, ge=8)
    overlap: int | None = Field(default=None, ge=0)
    temperature: float = Field(default=1.0, gt=0)
    frozen_blocks: int | None = Field(default=None, ge=0)
    provenance: dict[str, Any] = Field(default_factory=dict)

    @property
    def tags(self) -> tuple[str, ...]:
        """The classes in the order of the logits: `O`, then `B-` and `I-` of each label."""
        return ("O", *(f"{prefix}-{label}" for label in self.labels for prefix in "BI"))

    @classmethod
    def load(cls, folder: Path) -> TaggerSettings:
        """Reads `salin.json`.

        Raises:
            ModelError: When the file is missing or does not hold these settings.
        """
        path = folder / FILE
        if not path.exists():
            raise ModelError(
                f"{folder}: no {FILE}, so this is no salin tagger. To put a new head on an encoder, train one "
                "(`salin train --encoder`)"
            )
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            raise ModelError(f"{path}: {explain(error, [cls])}") from error
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{path}: {error}") from error

    def save(self, folder: Path) -> None:
        """Writes `salin.json`."""
        write_json(folder / FILE, self.model_dump(mode="json"))
