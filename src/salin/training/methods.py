"""Settings that the methods share, and what a trained run leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from salin.corpus import Corpus
from salin.corpus.lexicon import CodeSwitching, Lexicon
from salin.errors import SettingError
from salin.evaluation.records import FileRecord
from salin.models import Tagger
from salin.models.attention import training_attention
from salin.models.checksum import weights_checksum
from salin.models.parameters import trained_parameters
from salin.settings import AsBefore, StrictSettings, as_before, compared
from salin.training.calibration import calibrate
from salin.training.development import Development
from salin.training.loop import BatchSource, LoopSettings, Objective, fit
from salin.training.polyglot import check_languages
from salin.training.processes import Processes

# For the log alone.
_BY_TYPE = "f1_by_type"


class SwitchingSettings(StrictSettings):
    """Code-switching with bilingual lexicons.

    Attributes:
        lexicons: For each language its TSV files (source word TAB translation).
        sentence_rate: The share of sentences that are switched.
        word_rate: The share of such a sentence's words that are looked up.
        language: The one that the lexicons translate from: with sources of several languages the others stay as they
            are. None switches all.
    """

    lexicons: dict[str, tuple[Path, ...]] = Field(min_length=1)
    sentence_rate: float = Field(0.7, ge=0, le=1)
    word_rate: float = Field(0.6, ge=0, le=1)
    language: Annotated[str | None, AsBefore(None)] = None

    def load(self, source: Sequence[Corpus]) -> CodeSwitching:
        """Reads the lexicons.

        Args:
            source: What is to be switched.

        Raises:
            DataError: When a file is missing or broken.
            SettingError: When no source is in the language that they translate from, or it is not known of each.
        """
        if self.language is not None:
            check_languages(source, f"code-switching of {self.language!r} alone")
            if self.language not in (known := sorted({corpus.language for corpus in source})):
                raise SettingError(
                    f"the lexicons are said to translate from {self.language!r}, and the sources are in "
                    f"{', '.join(known)}: say which of these"
                )
        lexicons = {language: Lexicon.read(*paths) for language, paths in self.lexicons.items()}
        return CodeSwitching(lexicons, self.sentence_rate, self.word_rate, self.language)


class MethodSettings(StrictSettings):
    """What every method has.

    Attributes:
        loop: Steps, rates, precision.
        batch: Sentences (in `meta`: pseudo-tasks) a step.
        mask_rate: The probability with which each entity word is hidden.
        max_weight: Lambda of the max loss.
        switching: Code-switching, or None.
        frozen_blocks: The embeddings and so many of the lowest blocks are not trained; None trains everything.
        sampling_temperature: How often each of several languages is drawn; see
            [epochs_of][salin.training.polyglot.epochs_of]. 1 draws every sentence equally often.
        select: The figure on dev that chooses the checkpoint: the highest `f1` or the lowest `loss`.
        seed: Of the order, the masks and the switching; the loop's own seed is for dropout.
    """

    loop: LoopSettings
    batch: int = Field(32, gt=0)
    mask_rate: float = Field(0.0, ge=0, le=1)
    max_weight: float = Field(0.0, ge=0)
    switching: SwitchingSettings | None = None
    frozen_blocks: int | None = Field(None, ge=0)
    sampling_temperature: Annotated[float, AsBefore(1.0)] = Field(1.0, ge=1)
    select: Annotated[Literal["f1", "loss"], AsBefore("f1")] = "f1"
    seed: int = 95


def train(
    tagger: Tagger,
    batches: BatchSource,
    objective: Objective,
    settings: MethodSettings,
    dev: Corpus | Sequence[Corpus],
    *,
    folder: Path | None,
    title: str,
    made_with: Mapping[str, Any],
) -> dict[str, float]:
    """Runs the loop on a tagger's network; the checkpoint that is best on source dev, tagged plainly, is kept.

    Args:
        tagger: Trained in place.
        batches: The source of batches.
        objective: What is minimised.
        settings: How long and how fast, and what stays frozen.
        dev: Labelled sentences of the source language or languages; they choose the checkpoint.
        folder: For the log and checkpoints; None keeps them in memory.
        title: What stands before the progress bar.
        made_with: See [made_with][salin.training.methods.made_with].

    Returns:
        The figures of the chosen evaluation, and the temperature that was fitted on dev.
    """
    processes, development = Processes.here(), Development.of(dev)

    def evaluate() -> Mapping[str, Any]:
        return development.figures(tagger, processes, loss=settings.select == "loss")

    network = tagger.network
    attention = training_attention(network.classifier, tagger.settings.max_length, settings.loop.precision)
    with attention, trained_parameters(network, settings.frozen_blocks):
        figures = fit(
            network, batches, objective, settings.loop, folder=folder, evaluate=evaluate, select=settings.select,
            title=title, made_with=made_with,
        )  # fmt: skip
    chosen = {name: value for name, value in figures.items() if name != _BY_TYPE}
    return {**chosen, "temperature": calibrate(tagger, development.corpora)}


def made_with(
    tagger: Tagger, source: Sequence[Corpus], dev: Corpus | Sequence[Corpus], settings: MethodSettings
) -> dict[str, Any]:
    """What a run depends on beyond its loop, as JSON values: a checkpoint of a run with others is not gone on from.

    Files stand there by their checksums, so that a run goes on wherever they have moved to.
    """
    method = compared(settings)
    model = tagger.settings.model_dump(mode="json", exclude=as_before(tagger.settings))
    return {
        **{f"method.{name}": _by_content(value) for name, value in method.items() if name != "loop"},
        **{f"tagger.{name}": value for name, value in model.items()},
        "start": weights_checksum(tagger.network)[:16],
        "source": [corpus.checksum[:16] for corpus in source],
        "dev": Development.of(dev).checksum,
    }


def _by_content(value: Any) -> Any:
    """A setting with checksums in the places of files."""
    if isinstance(value, dict):
        return {key: _by_content(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_by_content(item) for item in value]
    return FileRecord.of(value).checksum[:16] if isinstance(value, Path) else value
