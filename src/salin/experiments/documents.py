"""Documents that show results: tables between two marks, and figures that lie beside them. Nobody types a number."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from salin.errors import DataError
from salin.evaluation.report import ReportTable
from salin.experiments.cost_curve import plot_cost_curve
from salin.experiments.experiment import Experiment
from salin.experiments.learning_curves import curve_panels, plot_learning_curves
from salin.experiments.ordering import ordering_table
from salin.experiments.plots import plot_standings
from salin.experiments.pretraining_documents import PRETRAINING, fill_pretraining
from salin.experiments.shared_documents import SHARED, fill_shared
from salin.experiments.source_tables import source_block
from salin.experiments.standings import Standings
from salin.experiments.tables import dev_table, score_table, significance_table, training_table
from salin.experiments.transfer_figure import plot_transfer_matrix
from salin.experiments.translation_tables import lenient_table, round_trip_table, translation_table
from salin.files import atomic_write

_TABLES: Mapping[str, Callable[[Standings], ReportTable]] = {
    "results": score_table,
    "tests": significance_table,
    "dev": dev_table,
    "ordering": ordering_table,
    "training": training_table,
    "lenient": lenient_table,
    "translation": translation_table,
    "round-trips": round_trip_table,
}
# What stands in the place of tables of its own, and of a figure as soon as there is something to draw.
_SOURCES, _CURVES = "sources", "curves"
_MARKED = re.compile(
    rf"(?P<begin><!-- (?P<kind>{'|'.join((*_TABLES, _SOURCES, _CURVES))}):(?P<name>[\w.@-]+) -->\n)"
    r".*?(?P<end><!-- /(?P=kind) -->)",
    re.DOTALL,
)
_NOTHING = "No cell of it is finished yet: `salin run recipes/{}.toml` runs them."
_NO_CURVES = "None of its finished cells holds a learning curve."
_FIGURES: Mapping[str, Callable[[Standings, Path], None]] = {
    "": plot_standings,
    ".cost": plot_cost_curve,
    ".matrix": plot_transfer_matrix,
    f".{_CURVES}": plot_learning_curves,
}
_FIGURE = re.compile(r"]\((?P<file>[^()\s]*figures/(?P<name>[\w.@-]+?)(?P<kind>\.cost|\.matrix|\.curves)?\.svg)\)")


def fill_documents(
    documents: Sequence[str | Path], recipes: str | Path = "recipes", results: str | Path = "results"
) -> tuple[int, int]:
    """Fills in the tables of some documents, and draws the figures that they show.

    A table stands between `<!-- results:NAME -->` and `<!-- /results -->`; `tests:NAME` gives a recipe's tests of
    significance, `dev:NAME` its figures on source data, `ordering:NAME` whether systems are ordered as it says,
    `training:NAME` what training cost; `lenient:NAME`, `translation:NAME` and `round-trips:NAME` are about translation;
    `sources:NAME` says how often `salin rank-sources` would have named the right source.
    A figure is what `![...](.../figures/NAME.svg)` shows, or
    `NAME.cost.svg` for F1 against cost, or `NAME.matrix.svg` for F1 by source and target; `curves:NAME` shows
    `NAME.curves.svg`, learning curves, once a finished cell holds one. A name may end with
    `@ENCODER`, as the folder of its results does. What is found in the taggers of a recipe, figures and tables, stands
    between `<!-- shared:NAME -->` and `<!-- /shared -->`; what pretraining runs cost, and their loss, between
    `<!-- pretraining:NAME NAME -->` and `<!-- /pretraining -->`.

    Args:
        documents: Markdown files; figures lie where they say.
        recipes: Where `NAME.toml` is.
        results: Where result files are.

    Returns:
        How many tables and how many figures there are. In the place of a table of which no cell is finished yet stands
        how to make it.

    Raises:
        DataError: When a document names a recipe that does not exist, or shows a figure of one without results.
        SettingError: When there are figures and matplotlib is not installed.
    """
    known: dict[str, Standings | None] = {}

    def standings(name: str, document: Path) -> Standings | None:
        if name not in known:
            known[name] = _standings(name, document, Path(recipes), Path(results))
        return known[name]

    tables = drawn = 0
    figures: dict[Path, tuple[str, Standings]] = {}
    for document in map(Path, documents):
        text = document.read_text(encoding="utf-8")

        def filled(match: re.Match[str], document: Path = document) -> str:
            block = _block(match["kind"], match["name"], standings(match["name"], document))
            return f"{match['begin']}\n{block}\n{match['end']}"

        new = _MARKED.sub(filled, text)
        tables += sum(match["kind"] != _CURVES for match in _MARKED.finditer(text))
        new, more, beside = fill_shared(new, document, Path(recipes), Path(results))
        tables, drawn = tables + more, drawn + beside
        new, more, beside = fill_pretraining(new, document, Path(results))
        tables, drawn = tables + more, drawn + beside
        if new != text:
            with atomic_write(document) as file:
                file.write(new)
        for match in _FIGURE.finditer(PRETRAINING.sub("", SHARED.sub("", new))):
            if (shown := standings(match["name"], document)) is None:
                reason = f"it shows a figure of {match['name']!r}, of which no cell is finished"
                raise DataError(reason, path=document, remedy=f"Run `salin run recipes/{match['name']}.toml` first")
            figures[(document.parent / match["file"]).resolve()] = match["kind"] or "", shown
    for file, (kind, shown) in figures.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        _FIGURES[kind](shown, file)
    return tables, len(figures) + drawn


def _block(kind: str, name: str, shown: Standings | None) -> str:
    """What stands between two marks."""
    if shown is None:
        return f"{_NOTHING.format(name)}\n"
    if kind == _SOURCES:
        return source_block(shown)
    if kind != _CURVES:
        return _TABLES[kind](shown).markdown()
    return f"![Learning curves](figures/{name}.{_CURVES}.svg)\n" if curve_panels(shown) else f"{_NO_CURVES}\n"


def _standings(name: str, document: Path, recipes: Path, results: Path) -> Standings | None:
    """What a name in a document stands for; None where no cell is finished."""
    name, _, encoder = name.partition("@")
    recipe = recipes / f"{name}.toml"
    if not recipe.exists():
        raise DataError(f"it names results of {name!r}, for which there is no recipe", path=document)
    experiment = Experiment(recipe, results, encoder=encoder.replace("--", "/") or None)
    if not any(experiment.finished(cell) for cell in experiment.cells):
        return None
    return Standings.read(recipe, results, experiment.encoder)
