"""The recipe of a pretraining run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from salin.corpus.formats.source import OnError
from salin.errors import SettingError
from salin.pretraining.episodes import EpisodeSettings
from salin.pretraining.official_episodes import OfficialSettings
from salin.pretraining.presets import ModelSettings
from salin.pretraining.skipgram import SkipgramSettings
from salin.pretraining.tokenizer import TokenizerKind
from salin.settings import AsBefore, StrictSettings, as_before
from salin.training.loop import LoopSettings
from salin.validation import check_kind, explain, place_of
from salin.values import is_object


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str | Path) else value


Paths = Annotated[tuple[Path, ...], BeforeValidator(_several)]


class TextSettings(StrictSettings):
    """Where the text is and how it is mixed; paths are relative to the recipe's file.

    Attributes:
        plain: Folders with a folder for each language; see `find_text` for what may stand there.
        languages: More files and folders of text, by language.
        replay: Like `plain`: text of what a model was trained on before, for the objective `replay`.
        temperature: A language of n characters is drawn in proportion to `n ** temperature`.
        exclude: Files left out, as `LANGUAGE/NAME`.
        parallel: A folder with a folder for each set of translations, which holds `LANGUAGE.txt` files.
        sets: Which of these are used, and how often each is drawn.
        dictionaries: A folder with a folder for each source of dictionaries, which holds `en-LANGUAGE.tsv` files.
        lexicons: Which of these are used; those of a language are merged.
        on_error: What is done with bad lines and damaged files: `strict` stops, `repair` reads U+FFFD for bytes that
            are not UTF-8, `skip` leaves such lines out.
        store: Where the text is kept as it was read, for several runs with the same text; by default in the run's
            folder.
    """

    plain: Paths = ()
    languages: dict[str, Paths] = Field(default_factory=dict[str, Paths])
    replay: Paths = ()
    temperature: float = 0.5
    exclude: tuple[str, ...] = ()
    parallel: Path | None = None
    sets: dict[str, float] = Field(default_factory=dict[str, float])
    dictionaries: Path | None = None
    lexicons: tuple[str, ...] = ()
    on_error: OnError = "skip"
    store: Path | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not (self.plain or self.languages):
            raise ValueError("there is no text: name folders under plain, or files under languages")
        if bool(self.sets) != (self.parallel is not None):
            raise ValueError("parallel and sets go together")
        if bool(self.lexicons) != (self.dictionaries is not None):
            raise ValueError("dictionaries and lexicons go together")
        return self

    def inside(self, folder: Path) -> TextSettings:
        """The same with all paths as seen from a folder."""
        one = {name: folder / path for name in ("parallel", "dictionaries", "store") if (path := getattr(self, name))}
        several = {name: tuple(folder / path for path in getattr(self, name)) for name in ("plain", "replay")}
        languages = {code: tuple(folder / path for path in paths) for code, paths in self.languages.items()}
        return self.model_copy(update={**one, **several, "languages": languages})


class TokenizerSettings(StrictSettings):
    """How a tokenizer is trained, with as many pieces as the model's vocabulary has.

    Attributes:
        kind: `bpe` or `unigram`.
        characters: Of plain text that it is trained on, beside all translations.
        folder: Holds a finished one, which several runs share; then nothing is trained.
    """

    kind: TokenizerKind = "bpe"
    characters: int = Field(default=40_000_000, gt=0)
    folder: Path | None = None


class MaskedSettings(StrictSettings):
    """How rows are masked and switched.

    Attributes:
        mask_rate: The share of pieces to guess.
        whole_words: Whether the pieces of a word are chosen together.
        switch_rate: The share of the words of a switched row that are looked up.
    """

    mask_rate: float = Field(default=0.2, gt=0, le=1)
    whole_words: Annotated[bool, AsBefore(False)] = False
    switch_rate: float = Field(default=0.4, ge=0, le=1)


class MixtureSettings(StrictSettings):
    """What a step consists of.

    Attributes:
        weights: How often each objective is drawn.
        rows: Of a step.
        groups: Into how many groups the rows fall, each of one objective; by default each row is one.
        length: Pieces a row; by default as many as a new model has positions, and 128 for one that is gone on from.
        seed: Decides what is drawn.
    """

    weights: dict[str, Annotated[float, Field(gt=0)]]
    rows: int = Field(gt=0)
    groups: int | None = Field(default=None, gt=0)
    length: int | None = Field(default=None, gt=2)
    seed: int = 1


class PretrainingSettings(StrictSettings):
    """A pretraining recipe.

    Attributes:
        text: What is read.
        model: What is trained, with a tokenizer that is trained as well.
        base: In the place of `model`: a bundled model, a folder or a Hugging Face id to go on from, with its tokenizer.
            A path that begins with a dot is taken from the recipe's folder.
        tokenizer: How that of a new model is trained.
        skipgram: How vectors are learned that the embeddings of a new model begin with; without it they begin with
            random numbers, as all else does.
        mixture: What a step consists of.
        masked: How rows are masked and switched.
        episodes: What an episode of the objective `episodes` is.
        official: What one of `official` is, the published way.
        loop: How long and how fast.
        snapshot_every: Steps between models that are kept under `steps/`; 0 keeps the last one alone.
    """

    text: TextSettings
    model: ModelSettings | None = None
    base: str | None = None
    tokenizer: TokenizerSettings = TokenizerSettings()
    skipgram: Annotated[SkipgramSettings | None, AsBefore(None)] = None
    mixture: MixtureSettings
    masked: MaskedSettings = MaskedSettings()
    episodes: EpisodeSettings = EpisodeSettings()  # pyright: ignore[reportCallIssue]: pyright does not see its defaults
    official: OfficialSettings = OfficialSettings()  # pyright: ignore[reportCallIssue]
    loop: LoopSettings
    snapshot_every: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        if (self.model is None) == (self.base is None):
            raise ValueError("give the sizes of a new model under model, or the base to go on from")
        if self.skipgram is not None and self.base is not None:
            raise ValueError("skipgram is what the embeddings of a new model begin with; a base has its own")
        return self

    def described(self) -> dict[str, Any]:
        """All settings as JSON values, but where things lie, and those that are newer and have the value of before."""
        places = set(TextSettings.model_fields) - {"temperature", "sets", "lexicons"}
        left_out = as_before(self)
        for name, fields in (("text", places), ("tokenizer", {"folder"})):
            left_out[name] = dict.fromkeys(fields, True) | left_out.get(name, {})
        return self.model_dump(mode="json", exclude=left_out, exclude_none=True)

    @classmethod
    def read(cls, path: Path, over: Mapping[str, Any] = MappingProxyType({})) -> PretrainingSettings:
        """Reads a TOML recipe.

        Args:
            path: Its file.
            over: Settings that stand over the recipe's, one by one in each of its tables; an empty table switches the
                recipe's own off.

        Raises:
            SettingError: When the file is missing, is no TOML, or holds a setting that does not exist.
        """
        try:
            with open(path, "rb") as file:
                raw = tomllib.load(file)
            check_kind(raw, path, "text")
            settings = cls.model_validate(_with(raw, over))
        except FileNotFoundError:
            raise SettingError(f"{path}: no such recipe. Recipes are TOML files; salin's own are in recipes/") from None
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"{path}: no recipe: {error}") from error
        except ValidationError as error:
            raise SettingError(f"{place_of(error, path)}: {explain(error, [cls])}") from error
        place = path.resolve().parent
        tokenizer = settings.tokenizer
        if tokenizer.folder is not None:
            tokenizer = tokenizer.model_copy(update={"folder": place / tokenizer.folder})
        base = settings.base
        if base is not None and base.startswith("."):
            base = str((place / base).resolve())
        return settings.model_copy(update={"text": settings.text.inside(place), "base": base, "tokenizer": tokenizer})


def _with(recipe: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A setting that is a table itself, such as the weights of a mixture, is replaced as a whole."""
    both = dict(recipe)
    for key, value in over.items():
        below = recipe.get(key)
        if value == {}:
            both.pop(key, None)
        else:
            both[key] = {**below, **value} if is_object(below) and is_object(value) else value
    return both
