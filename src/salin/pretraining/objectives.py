"""The objectives that a recipe's mixture names, on the text to train on and on what was held out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from transformers import PreTrainedTokenizerFast

from salin.corpus.lexicon import Lexicon
from salin.errors import DataError, SettingError
from salin.pretraining.causal import Causal
from salin.pretraining.episodes import Episodes
from salin.pretraining.masked import MaskedRows
from salin.pretraining.objective import PretrainingObjective
from salin.pretraining.official_episodes import OfficialEpisodes
from salin.pretraining.packing import PackedRows, own_opening
from salin.pretraining.rows import Passages, RowText, SwitchedPassages, TranslationPairs
from salin.pretraining.settings import PretrainingSettings, TextSettings
from salin.pretraining.store import TextStore
from salin.pretraining.text import PlainText

Objective = PretrainingObjective[Any]
_MASKED = ("masked", "translation", "switched")
# Those that share a class, and so batches, are told of in the log by the first of their names.
NAMES = ("masked", "causal", "replay", "translation", "switched", "episodes", "official")


class Objectives(NamedTuple):
    """What is minimised, and what is measured.

    Attributes:
        training: By name.
        held_out: By name and language; a language with too little held-out text is not among them.
    """

    training: dict[str, Objective]
    held_out: dict[str, dict[str, Objective]]


def make_objectives(
    settings: PretrainingSettings, tokenizer: PreTrainedTokenizerFast, store: TextStore, length: int, *, decodes: bool
) -> Objectives:
    """Makes those that the mixture names.

    Args:
        settings: The recipe.
        tokenizer: Makes the pieces.
        store: The text.
        length: Pieces a row.
        decodes: Whether the model is a decoder, in which a piece sees only what is left of it.

    Raises:
        SettingError: When there is no such objective, it does not fit the model, or has nothing to draw its rows from.
        DataError: When a dictionary cannot be read, or the text is too small for episodes.
    """
    _check_names(settings, decodes)
    opening = own_opening(tokenizer) if settings.base is not None else None

    def rows_of(text: RowText) -> Objective:
        return MaskedRows(tokenizer, text, length, settings.masked.mask_rate, settings.masked.whole_words)

    def over(name: str) -> Callable[[PlainText], Objective]:
        match name:
            case "causal" | "replay":
                return lambda text: Causal(PackedRows(tokenizer, text, length, opening))
            case "official":
                return lambda text: OfficialEpisodes(
                    PackedRows(tokenizer, text, length, opening), settings.official, decodes
                )
            case _:
                return lambda text: Episodes.of(text, tokenizer, length, settings.episodes, decodes=decodes)

    training: dict[str, Objective] = {}
    held_out: dict[str, dict[str, Objective]] = {}
    for name in (name for name in NAMES if name in settings.mixture.weights):
        held_out[name] = {}
        if name in _MASKED or (name == "replay" and not decodes):
            text, held = _row_texts(name, settings, store)
            training[name] = rows_of(text)
            held_out[name] = {code: rows_of(held[code]) for code in held}
            continue
        training[name] = over(name)(store.plain(_collection(name), settings.text.temperature))
        for code, plain in store.held_out(_collection(name)).items():
            with suppress(DataError):  # too little for an episode
                held_out[name][code] = over(name)(plain)
    return Objectives(training, held_out)


def _check_names(settings: PretrainingSettings, decodes: bool) -> None:
    for name in settings.mixture.weights:
        if name not in NAMES:
            raise SettingError(f"mixture.weights: there is no objective {name!r}; there are {', '.join(NAMES)}")
        if name in _MASKED and decodes:
            raise SettingError(
                f"mixture.weights: {name} rows are for encoders, and the model is a decoder: write causal instead"
            )
        if name == "causal" and not decodes:
            raise SettingError(
                "mixture.weights: causal rows are for decoders, and the model is an encoder: write masked instead"
            )
        if name == "replay" and not settings.text.replay:
            raise SettingError("mixture.weights: replay rows need text.replay")


def _collection(name: str) -> str:
    """Of which text the rows of an objective are."""
    return "replay" if name == "replay" else "plain"


def _row_texts(name: str, settings: PretrainingSettings, store: TextStore) -> tuple[RowText, Mapping[str, RowText]]:
    """The text of masked rows to train on, and of those held out, by language."""
    text = settings.text
    if name == "translation":
        if not text.sets:
            raise SettingError("mixture.weights: translation rows need text.parallel and text.sets")
        parallel = store.parallel(text.sets)
        return TranslationPairs(parallel), {code: TranslationPairs(held) for code, held in parallel.held_out().items()}
    plain, held = store.plain(_collection(name), text.temperature), store.held_out(_collection(name))
    if name != "switched":
        return Passages(plain), {code: Passages(held[code]) for code in held}
    switched = switched_passages("mixture.weights", settings, plain)
    lexicons, english = switched.lexicons, held.get("en")
    return switched, {
        code: SwitchedPassages(english, {code: lexicons[code]}, switched.rate) for code in lexicons if english
    }


def switched_passages(wanted: str, settings: PretrainingSettings, plain: PlainText) -> SwitchedPassages:
    """English passages with words switched by a recipe's dictionaries.

    Args:
        wanted: The setting that asks for them.
        settings: The recipe.
        plain: The text.

    Raises:
        SettingError: When there is no English text, or there are no dictionaries.
        DataError: When a dictionary cannot be read.
    """
    lexicons = _lexicons(settings.text)
    if "en" not in plain.languages or not lexicons:
        raise SettingError(f"{wanted}: switched rows are English ones; they need English text and lexicons")
    return SwitchedPassages(plain, lexicons, settings.masked.switch_rate)


def _lexicons(settings: TextSettings) -> dict[str, Lexicon]:
    """The dictionaries of each language, merged."""
    return {language: Lexicon.read(*paths) for language, paths in lexicon_files(settings).items()}


def lexicon_files(settings: TextSettings) -> dict[str, list[Path]]:
    """The files of the dictionaries that words are switched with, by language."""
    files: dict[str, list[Path]] = {}
    for source in settings.lexicons:
        assert settings.dictionaries is not None
        for path in sorted((settings.dictionaries / source).glob("en-*.tsv*")):
            files.setdefault(path.name.split(".")[0].removeprefix("en-"), []).append(path)
    return files
