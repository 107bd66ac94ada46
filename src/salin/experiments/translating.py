"""What a recipe says of a system that tags by way of English, or learns from what was tagged so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from salin.settings import AsBefore, StrictSettings


class Translating(StrictSettings):
    """How a tagger of English tags other languages; see `TranslationTagger`.

    Attributes:
        translators: For each test the name of a translator from its language, such as `apertium:spa-eng`.
        languages: For tests their languages, as a code or in English: chat models are told; Apertium knows.
        word_alignment: Whether the tagger's encoder finds what cannot be brought back.
        round_trips: Whether gold entities are brought to English and back as well, which measures alignment alone.
        combined: Whether there is a second row, `SYSTEM+direct`: what the tagger is sure of in the sentence itself, and
            translation elsewhere. What is sure is decided on source dev, on its switched copies where there are any.
    """

    translators: dict[str, str] = Field(min_length=1)
    languages: Annotated[dict[str, str], AsBefore({})] = Field(default_factory=dict)
    word_alignment: bool = False
    round_trips: bool = False
    combined: bool = False


class SilverData(StrictSettings):
    """Text of the tests' languages that is tagged by way of English and then trained on; see `SilverTagger`.

    Attributes:
        text: For each test files of sentences; labels that stand there are not read. A sentence of a test is left out.
        translators: For each test the name of a translator from its language.
        languages: For tests their languages, as a code or in English: chat models are told.
        word_alignment: Whether the tagger's encoder finds what cannot be brought back.
        least: The least score of every entity of a sentence that is kept; 0 keeps all in which no entity was lost.
    """

    text: dict[str, tuple[Path, ...]] = Field(min_length=1)
    translators: dict[str, str] = Field(min_length=1)
    languages: Annotated[dict[str, str], AsBefore({})] = Field(default_factory=dict)
    word_alignment: bool = False
    least: float = Field(0.0, ge=0, le=1)
