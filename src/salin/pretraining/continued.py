"""Continued pretraining: a model that there is goes on with plain text of a language, and some of what it knew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from salin.corpus.formats.source import OnError
from salin.errors import SettingError
from salin.models.loading import is_decoder
from salin.pretraining.settings import MixtureSettings, PretrainingSettings, TextSettings
from salin.training.loop import LoopSettings


def continued(
    base: str,
    text: Sequence[Path],
    loop: LoopSettings,
    *,
    language: str | None = None,
    replay: Sequence[Path] = (),
    replay_share: float = 0.5,
    rows: int = 32,
    on_error: OnError = "skip",
) -> PretrainingSettings:
    """The settings of such a run: an encoder goes on with masked pieces, a decoder with next ones.

    Args:
        base: A bundled model, a folder or a Hugging Face id; a tagger gives its encoder.
        text: Files and folders to go on with.
        loop: How long and how fast.
        language: Of `text`; None takes it from the folders in a folder.
        replay: Files and folders of other text, such as what the model was pretrained on, so that it is not forgotten.
        replay_share: The share of rows that are drawn from it.
        rows: Of a step.
        on_error: What is done with bad lines and damaged files.

    Raises:
        SettingError: When the share is not between 0 and 1.
        ModelError: When there is no such model.
    """
    if replay and not 0 < replay_share < 1:
        raise SettingError(f"the share of replayed rows is between 0 and 1, not {replay_share}")
    objective = "causal" if is_decoder(base) else "masked"
    weights = {objective: 1 - replay_share, "replay": replay_share} if replay else {objective: 1.0}
    found = {"languages": {language: tuple(text)}} if language else {"plain": tuple(text)}
    return PretrainingSettings(
        text=TextSettings.model_validate({**found, "replay": tuple(replay), "on_error": on_error}),
        base=base,
        mixture=MixtureSettings(weights=weights, rows=rows, seed=loop.seed),
        loop=loop,
    )
