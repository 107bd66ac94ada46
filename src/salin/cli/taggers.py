"""Taggers as commands name them: a model, an adapter on a model, or rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from salin.baselines import is_rules, load_rules, needs_source
from salin.cli.corpora import AS_FOUND, ReadOptions, read_source
from salin.cli.options import Dtype, OnOverflow
from salin.cli.sizes import in_words, parse_size
from salin.corpus import Corpus, TagsText, iter_sentences
from salin.corpus.lexicon import Lexicon, switch_corpus
from salin.errors import SettingError

if TYPE_CHECKING:
    from salin.adaptation.adapter import Adapter
    from salin.adaptation.kept import KeptGradients
    from salin.adaptation.rules import Rule
    from salin.adaptation.store import GradientStore
    from salin.evaluation import AdaptationRecord
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
    keep: str | None = None
    frozen_blocks: int | None = None
    min_similarity: float | None = None

    def __post_init__(self) -> None:
        shared = ("adapt", "source", "source_map")  # rules learn from a source too, and scores tell its entities apart
        for option in (field.name for field in fields(self) if field.name not in shared):
            if not self.adapt and getattr(self, option) is not None:
                raise SettingError(f"{_option(option)} is about adaptation: give --adapt too")
        for name in ("source_lexicon", "vectors", "target"):
            if self.index is not None and getattr(self, name) is not None:
                option = _option(name)
                raise SettingError(f"{option} was decided when the index was made: leave out {option} or --index")
        if self.keep is not None:
            parse_size(self.keep)


@dataclass(frozen=True, slots=True)
class OpenedTagger:
    """A tagger that is ready.

    Attributes:
        tagger: It.
        name: What to call it in results: the model, and `+adapt` where it adapts.
        sources: What it learned from or learns from while it tags: the source as it was read and, where that is
            translated, its translation; none where nothing is known.
        windows: How it cuts long sentences, for the signature.
        seeds: What it was trained with, as far as its folder says.
        adaptation: How it adapts; None where it does not.
        kept: What it keeps of source sentences, where it does.
    """

    tagger: TagsText
    name: str
    sources: tuple[Corpus, ...] = ()
    windows: str = ""
    seeds: tuple[int, ...] = ()
    adaptation: AdaptationRecord | None = None
    kept: KeptGradients | None = None


def open_tagger(
    name: str,
    options: AdaptOptions,
    reading: ReadOptions = AS_FOUND,
    on_overflow: OnOverflow = "window",
    precision: Dtype = "fp32",
) -> OpenedTagger:
    """Opens a tagger by its name.

    Args:
        name: A bundled model, a folder, a Hugging Face id, or rules.
        options: Whether and how it adapts; rules may learn from the same source.
        reading: How the source is read.
        on_overflow: What becomes of sentences that are too long for a model.
        precision: What a model computes in; adaptation computes in fp32.

    Raises:
        ModelError: When there is no such model, or it is damaged or unsafe.
        SettingError: When there are no such rules, or rules are asked to adapt, or there is nothing that could compute
            in this precision.
        DataError: When the source cannot be read or its labels are not the model's.
    """
    if precision == "bf16" and (options.adapt or is_rules(name)):
        raise SettingError("--precision bf16 is for models that do not adapt: leave it out")
    if is_rules(name):
        if options.adapt:
            raise SettingError(f"{name} has no weights that could adapt: leave out --adapt")
        wanted = options.source is not None or needs_source(name)
        source = read_source(options.source, options.source_map, reading=reading) if wanted else None
        return OpenedTagger(load_rules(name, source), name, () if source is None else (source,))
    from salin.models import Tagger

    tagger = Tagger.from_pretrained(name, on_overflow=on_overflow, precision=precision)
    windows = tagger.windower.lengths
    seed = tagger.settings.provenance.get("settings", {}).get("seed")
    seeds = () if seed is None else (int(seed),)
    if not options.adapt:
        sources = (read_source(options.source, options.source_map, reading=reading),) if options.source else ()
        return OpenedTagger(tagger, name, sources, windows, seeds)
    source = read_source(options.source, options.source_map, tagger.labels, reading)
    sources = (source,)
    if options.source_lexicon:
        sources = (source, switch_corpus(source, Lexicon.read(*options.source_lexicon)))
    adapter, record = _adapter(tagger, sources, options)
    return OpenedTagger(adapter, f"{name}+adapt", sources, windows, seeds, record, adapter.kept)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def open_index(folder: Path, source: Corpus, tagger: Tagger) -> SourceIndex:
    """Reads an index that was made of this source with this model."""
    from salin.retrieval import SourceIndex

    return SourceIndex.load(folder, source, tagger)


def kept_in_words(kept: KeptGradients | None) -> str:
    """How often an adapter found what it needed of source sentences, and what keeping that takes; empty for none."""
    asked = 0 if kept is None else kept.hits + kept.read + kept.misses
    if kept is None or not asked:
        return ""
    there = [f"{kept.hits:,} ({kept.hits / asked:.0%}) were in memory", f"{kept.misses:,} were computed"]
    if kept.read:
        there.insert(1, f"{kept.read:,} on disk")
    return f"gradients: of {asked:,}, {', '.join(there)}; {len(kept):,} source sentences take {in_words(kept.bytes)}"


def _open_store(folder: Path | None, source: Corpus, tagger: Tagger, rule: Rule, steps: int) -> GradientStore | None:
    """The gradients that an index holds, where it holds any that serve."""
    from salin.adaptation.store import GradientStore
    from salin.cli.console import note

    if folder is None or not GradientStore.stands_in(folder):
        return None
    store = GradientStore.open(folder, source, tagger)
    if steps == 1 and store.serves(rule):
        return store
    note(f"{folder}: its gradients are for one step of {store.rule}, and are not used")
    return None


def _adapter(tagger: Tagger, sources: tuple[Corpus, ...], options: AdaptOptions) -> tuple[Adapter, AdaptationRecord]:
    """The adapter, which learns from the last of the sources, and what there is to say of it."""
    from salin.adaptation.adapter import DEFAULT_KEEP, DEFAULT_VECTORS, Adapter
    from salin.adaptation.rules import make_rule
    from salin.evaluation import AdaptationRecord, DataRecord, FileRecord
    from salin.retrieval import VectorSettings

    rule_name, vectors = options.rule or "sgd", VectorSettings.parse(options.vectors or DEFAULT_VECTORS)
    rule = make_rule(rule_name, options.rate)
    index = None if options.index is None else open_index(options.index, sources[-1], tagger)
    adapter = Adapter(
        tagger,
        sources[-1],
        k=options.k or 2,
        rule=rule,
        steps=options.steps or 1,
        vectors=str(vectors),
        index=index,
        target=() if options.target is None else list(iter_sentences(options.target, labelled=False)),
        keep=DEFAULT_KEEP if options.keep is None else parse_size(options.keep),
        store=_open_store(options.index, sources[-1], tagger, rule, options.steps or 1),
        frozen_blocks=options.frozen_blocks,
        min_similarity=options.min_similarity,
    )
    record = AdaptationRecord(
        rule=rule_name,
        rate=rule.rate,
        steps=adapter.steps,
        k=adapter.k,
        vectors=str(vectors if index is None else index.vectors.settings),
        frozen_blocks=options.frozen_blocks,
        min_similarity=options.min_similarity,
        source=[DataRecord.of(sources[0])],
        lexicons=[FileRecord.of(path) for path in options.source_lexicon or ()],
        target=None if options.target is None else FileRecord.of(options.target),
    )
    return adapter, record
