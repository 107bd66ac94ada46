"""Taggers as commands name them: a model, an adapter on a model, or rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from salin.baselines import is_rules, load_rules, needs_source
from salin.cli.corpora import read_source
from salin.corpus import Corpus, TagsText, iter_sentences
from salin.corpus.lexicon import Lexicon, switch_corpus
from salin.errors import SettingError

if TYPE_CHECKING:
    from salin.models import Tagger
    from salin.retrieval import SourceIndex


@dataclass(frozen=True, slots=True)
class AdaptOptions:
    """What the options of adaptation say; None is the adapter's own default.

    Raises:
        SettingError: When one of them is given without `--adapt`, or does not go with another.
    """

    adapt: bool
    source: Path | None = None
    source_map: str | None = None
    source_lexicon: Sequence[Path] | None = None
    k: int | None = None
    rule: Literal["sgd", "bertadam"] | None = None
    rate: float | None = None
    steps: int | None = None
    vectors: str | None = None
    target: Path | None = None
    index: Path | None = None

    def __post_init__(self) -> None:
        for name in ("source_lexicon", "k", "rule", "rate", "steps", "vectors", "target", "index"):
            if not self.adapt and getattr(self, name) is not None:
                raise SettingError(f"{_option(name)} is about adaptation: give --adapt too")
        for name in ("source_lexicon", "vectors", "target"):
            if self.index is not None and getattr(self, name) is not None:
                option = _option(name)
                raise SettingError(f"{option} was decided when the index was made: leave out {option} or --index")


@dataclass(frozen=True, slots=True)
class OpenedTagger:
    """A tagger that is ready.

    Attributes:
        tagger: It.
        name: What to call it in results: the model, and `+adapt` where it adapts.
        source: What it learns from while it tags, if anything.
        windows: How it cuts long sentences, for the signature.
        seeds: What it was trained with, as far as its folder says.
    """

    tagger: TagsText
    name: str
    source: Corpus | None = None
    windows: str = ""
    seeds: tuple[int, ...] = ()


def open_tagger(name: str, options: AdaptOptions) -> OpenedTagger:
    """Opens a tagger by its name.

    Args:
        name: A bundled model, a folder, a Hugging Face id, or rules.
        options: Whether and how it adapts; rules may learn from the same source.

    Raises:
        ModelError: When there is no such model, or it is damaged or unsafe.
        SettingError: When there are no such rules, or rules are asked to adapt.
        DataError: When the source cannot be read or its labels are not the model's.
    """
    if is_rules(name):
        if options.adapt:
            raise SettingError(f"{name} has no weights that could adapt: leave out --adapt")
        wanted = options.source is not None or needs_source(name)
        source = read_source(options.source, options.source_map) if wanted else None
        return OpenedTagger(load_rules(name, source), name, source)
    from salin.models import Tagger

    tagger = Tagger.from_pretrained(name)
    settings = tagger.settings
    overlap = settings.max_length // 2 if settings.overlap is None else settings.overlap
    windows = f"{settings.max_length}/{overlap}"
    seed = settings.provenance.get("settings", {}).get("seed")
    seeds = () if seed is None else (int(seed),)
    if not options.adapt:
        source = read_source(options.source, options.source_map) if options.source else None
        return OpenedTagger(tagger, name, source, windows, seeds)
    source = read_source(options.source, options.source_map, tagger.labels)
    if options.source_lexicon:
        source = switch_corpus(source, Lexicon.read(*options.source_lexicon))
    return OpenedTagger(_adapter(tagger, source, options), f"{name}+adapt", source, windows, seeds)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def open_index(folder: Path, source: Corpus, tagger: Tagger) -> SourceIndex:
    """Reads an index that was made of this source with this model."""
    from salin.retrieval import SourceIndex

    return SourceIndex.load(folder, source, tagger)


def _adapter(tagger: Tagger, source: Corpus, options: AdaptOptions) -> TagsText:
    from salin.adaptation.adapter import DEFAULT_VECTORS, Adapter
    from salin.adaptation.rules import make_rule

    return Adapter(
        tagger,
        source,
        k=options.k or 2,
        rule=make_rule(options.rule or "sgd", options.rate),
        steps=options.steps or 1,
        vectors=options.vectors or DEFAULT_VECTORS,
        index=None if options.index is None else open_index(options.index, source, tagger),
        target=() if options.target is None else list(iter_sentences(options.target)),
    )
