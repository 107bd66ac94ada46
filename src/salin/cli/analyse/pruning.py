"""`salin analyse pruning`: F1 over sparsity, and what is left of several taggers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from salin.cli import options
from salin.errors import SettingError

if TYPE_CHECKING:
    from salin.analysis.pruning import PrunedScore

T = TypeVar("T")
_AGAIN = "Training again"


def pruning(
    taggers: Annotated[
        list[str],
        typer.Argument(
            help="Taggers with a name each; with NAME@CODE=MODEL one is tested, and trained again, on that language "
            "alone, and is a line of the figure together with others of that NAME.",
            metavar="NAME[@CODE]=MODEL...",
        ),
    ],
    test: Annotated[
        list[str],
        typer.Option("--test", metavar="[CODE=]FILE", help="Labelled sentences to score on; one for each language."),
    ],
    sparsity: Annotated[
        str, typer.Option("--sparsity", metavar="A,B,...", help="Shares of weights to leave out.")
    ] = "0.2,0.4,0.6,0.8,0.9",
    retrain: Annotated[
        int,
        typer.Option(
            "--retrain",
            min=0,
            metavar="STEPS",
            help="Also train what is left for so many updates; weights that were left out stay out. Needs --source "
            "and --dev.",
            rich_help_panel=_AGAIN,
        ),
    ] = 0,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="[CODE=]FILE", help="Labelled sentences to train on.", rich_help_panel=_AGAIN),
    ] = None,
    dev: Annotated[
        list[str] | None,
        typer.Option(
            "--dev",
            metavar="[CODE=]FILE",
            help="Labelled sentences; the checkpoint with the lowest loss on them is scored.",
            rich_help_panel=_AGAIN,
        ),
    ] = None,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="Its peak.", rich_help_panel=_AGAIN)] = 2e-4,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Sentences an update.", rich_help_panel=_AGAIN)] = 32,
    seed: Annotated[int, typer.Option("--seed", help="Decides everything random.", rich_help_panel=_AGAIN)] = 95,
    plot: options.Plot = None,
    as_json: options.AsJson = False,
    label_map: options.LabelMap = None,
    format: options.Format = "auto",
    on_error: options.BadLines = "strict",
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    offsets: options.SpanOffsets = None,
) -> None:
    """Leave out the smallest weights of taggers, of all or of each layer, and score what is left; compare what that is.

    Pruned are the matrices of linear and recurrent layers. Labels that a test file does not have do not count there.
    """
    from salin.analysis.mask_overlap import mask_overlaps
    from salin.analysis.pruning import PruningTest, Retraining, pruned_scores
    from salin.analysis.pruning_figure import plot_pruning
    from salin.analysis.pruning_table import mask_table, pruning_table
    from salin.cli.console import note, output, print_json
    from salin.cli.corpora import ReadOptions, read_named
    from salin.cli.training_settings import make_settings
    from salin.evaluation.figures import check_figure
    from salin.models import Tagger
    from salin.models.labelled import check_labels
    from salin.training.methods import MethodSettings

    if plot is not None:
        check_figure(plot)
    named = [_Named.parse(text) for text in taggers]
    if len({one.name for one in named}) < len(named):
        raise SettingError("two taggers have the same name: give each one of its own")
    sparsities = _sparsities(sparsity)
    if not bool(retrain) == bool(source) == bool(dev):
        raise SettingError("--retrain, --source and --dev go together: give all of them, or none")
    reading = ReadOptions(format, on_error, token_column, tag_column, offsets)
    tests, sources, devs = (
        read_named(option, files, label_map, reading) if files else {}
        for option, files in (("--test", test), ("--source", source), ("--dev", dev))
    )
    loop = {"steps": max(1, retrain), "learning_rate": learning_rate, "evaluate_every": -(-retrain // 5), "seed": seed}
    settings = make_settings(MethodSettings, {"loop": loop, "batch": batch, "select": "loss", "seed": seed})
    scores: dict[str, list[PrunedScore]] = {}
    for one in named:
        tagger = Tagger.from_pretrained(one.model)
        for corpus in (own := one.own(tests)).values():
            check_labels(corpus, tagger.labels)
        again = None
        if retrain:
            again = Retraining([*one.own(sources).values()], [*one.own(devs).values()], settings, sparsities)
        scores[one.name] = pruned_scores(
            tagger, {code: PruningTest(corpus, corpus.labels) for code, corpus in own.items()}, sparsities, again,
            title=one.name, tell=note,
        )  # fmt: skip
    overlaps = mask_overlaps({one.name: partial(Tagger.from_pretrained, one.model) for one in named}, sparsities)
    together: dict[str, list[PrunedScore]] = {}
    for one in named:
        together.setdefault(one.kind, []).extend(scores[one.name])
    if plot is not None:
        plot_pruning(together, plot)
        note(f"{plot}: F1 over sparsity")
    if as_json:
        print_json({
            "taggers": {one.name: one.model for one in named},
            "scores": {name: [asdict(score) for score in found] for name, found in scores.items()},
            "masks": [asdict(overlap) for overlap in overlaps],
        })  # fmt: skip
        return
    output.print(pruning_table(together, "F1 of pruned taggers"), soft_wrap=True)
    if overlaps:
        output.print(mask_table(overlaps, "weights that two taggers keep"), soft_wrap=True)


@dataclass(frozen=True, slots=True)
class _Named:
    """A tagger as it is named on the command line: `poly+ft@es=runs/spanish`."""

    kind: str
    language: str
    model: str

    @classmethod
    def parse(cls, text: str) -> _Named:
        name, equals, model = text.partition("=")
        kind, _, language = name.partition("@")
        if not (kind and equals and model):
            raise SettingError(f"{text}: write NAME=MODEL, or NAME@CODE=MODEL for one language alone")
        return cls(kind, language, model)

    @property
    def name(self) -> str:
        return f"{self.kind}@{self.language}" if self.language else self.kind

    def own(self, corpora: Mapping[str, T]) -> dict[str, T]:
        """Those of its language; all where it has none."""
        if not self.language:
            return dict(corpora)
        if self.language not in corpora:
            raise SettingError(f"{self.name}: there is no file of {self.language!r}, only of {', '.join(corpora)}")
        return {self.language: corpora[self.language]}


def _sparsities(text: str) -> Sequence[float]:
    try:
        found = sorted({float(part) for part in text.split(",")})
    except ValueError:
        raise SettingError(f"--sparsity {text}: write shares such as 0.5,0.8") from None
    if not found or found[0] < 0 or found[-1] >= 1:
        raise SettingError(f"--sparsity {text}: shares are from 0 to less than 1")
    return found
