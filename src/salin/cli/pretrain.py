"""`salin pretrain`: from plain text to an encoder, a new one or one that goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from salin.cli import options
from salin.errors import SettingError

if TYPE_CHECKING:
    from salin.pretraining.settings import PretrainingSettings

_CONTINUED = "Going on from a model"


def pretrain(
    out: options.OutFolder,
    recipe: Annotated[
        Path | None, typer.Argument(help="A pretraining recipe in TOML, for a new model.", metavar="[RECIPE]")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME",
            help="In place of a recipe: a bundled model, a folder or a Hugging Face id. An encoder goes on guessing "
            "hidden pieces, a decoder the next ones; a tagger gives its encoder.",
            rich_help_panel=_CONTINUED,
        ),
    ] = None,
    text: Annotated[
        list[Path] | None,
        typer.Option(
            "--text",
            metavar="PATH",
            help="Plain text to go on with: .txt, .jsonl or .parquet, packed or not, or a folder; give it again for "
            "more.",
            rich_help_panel=_CONTINUED,
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--language",
            metavar="CODE",
            help="ISO 639 code of --text. Default: the names of the folders in it.",
            rich_help_panel=_CONTINUED,
        ),
    ] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(
            "--replay",
            metavar="PATH",
            help="Text in languages that the model is not to forget; give it again for more.",
            rich_help_panel=_CONTINUED,
        ),
    ] = None,
    replay_share: Annotated[
        float | None,
        typer.Option("--replay-share", help="Share of such rows. Default: 0.5.", rich_help_panel=_CONTINUED),
    ] = None,
    on_error: Annotated[
        options.OnError | None,
        typer.Option(
            "--on-error",
            help="Bad lines and damaged files: stop, read U+FFFD for bytes that are not UTF-8, or leave lines out. "
            "Default: skip.",
            rich_help_panel=_CONTINUED,
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Updates. Default: 1000.", rich_help_panel=_CONTINUED)
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate",
            help="Its peak. Small models take 5e-4, BERT-sized ones 5e-5. Default: 5e-4.",
            rich_help_panel=_CONTINUED,
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option("--batch", min=1, help="Rows of 128 pieces an update. Default: 32.", rich_help_panel=_CONTINUED),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Decides everything random. Default: 95.", rich_help_panel=_CONTINUED)
    ] = None,
    precision: Annotated[
        options.Dtype | None,
        typer.Option(
            "--precision", help="bf16 is quicker where the processor knows it. Default: fp32.",
            rich_help_panel=_CONTINUED,
        ),
    ] = None,
) -> None:  # fmt: skip
    """Train a language model on plain text: a new one as a recipe says, or more of one that there is.

    The encoder stands in DIR/encoder at the end, with a card; `salin train --encoder DIR/encoder` makes a tagger of it.
    A run that was interrupted goes on where it was.
    """
    loop = {"steps": steps, "learning_rate": learning_rate, "seed": seed, "precision": precision}
    mixed = {"language": language, "replay": replay, "replay_share": replay_share, "on_error": on_error, "rows": batch}
    given = {name: value for name, value in {**loop, **mixed}.items() if value is not None}
    if (recipe is None) == (base is None):
        raise SettingError("name a recipe for a new model, or --from a model and --text to go on with; not both")
    if recipe is not None and (text or given):
        name = "text" if text else "batch" if next(iter(given)) == "rows" else next(iter(given)).replace("_", "-")
        raise SettingError(f"--{name} goes with --from; a recipe says all of it itself")
    if base is not None and not text:
        raise SettingError("--from needs --text: what to go on with")
    if replay_share is not None and not replay:
        raise SettingError("--replay-share needs --replay: what else to draw rows from")

    from salin.cli.console import note
    from salin.cli.launcher import take_leave
    from salin.pretraining.run import pretrain as run
    from salin.pretraining.settings import PretrainingSettings

    if recipe is not None:
        settings = PretrainingSettings.read(recipe)
    else:
        assert base is not None
        settings = _continued(base, text or [], given, loop)
    figures = run(settings, out)
    shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    note(f"{out / 'encoder'}: {shown}")
    take_leave()


def _continued(base: str, text: list[Path], given: dict[str, Any], loop: dict[str, Any]) -> PretrainingSettings:
    from pydantic import ValidationError

    from salin.pretraining.continued import continued
    from salin.training.loop import LoopSettings
    from salin.validation import explain

    # Of AdamW for pretraining (Liu et al. 2019); for the rest, a small encoder.
    usual = {"steps": 1000, "learning_rate": 5e-4, "warmup": 0.06, "betas": (0.9, 0.98), "evaluate_every": 250}
    try:
        made = LoopSettings.model_validate({**usual, **{name: given[name] for name in loop if name in given}})
    except ValidationError as error:
        raise SettingError(explain(error, [LoopSettings])) from error
    return continued(base, text, made, **{name: value for name, value in given.items() if name not in loop})
