"""What documents show of a recipe of what is shared: figures and tables of each of its networks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from salin.analysis.fisher_figure import plot_fisher
from salin.analysis.fisher_report import FisherReport
from salin.analysis.fisher_table import movement_table, overlap_table
from salin.analysis.pruning import PrunedScore
from salin.analysis.pruning_figure import plot_pruning
from salin.analysis.pruning_table import mask_table, pruning_table
from salin.errors import DataError
from salin.evaluation import ReportTable
from salin.experiments.shared_experiment import SharedExperiment, SharedResult
from salin.experiments.shared_recipe import SharedCell, shared_cells

SHARED = re.compile(r"(?P<begin><!-- shared:(?P<name>[\w.-]+) -->\n).*?(?P<end><!-- /shared -->)", re.DOTALL)
#: As the paper calls them.
KINDS = {"mono": "mono", "poly": "poly", "finetuned": "poly+ft"}


def fill_shared(text: str, document: Path, recipes: Path, results: Path) -> tuple[str, int, int]:
    """Fills in what stands between `<!-- shared:NAME -->` and `<!-- /shared -->` in a document, and draws its figures.

    Args:
        text: Of the document.
        document: Figures lie in a folder `figures` beside it.
        recipes: Where `NAME.toml` is.
        results: Where result files are.

    Returns:
        The new text, and how many tables and figures there are in these places: none before a cell is finished.

    Raises:
        DataError: When there is no such recipe.
    """
    tables = figures = 0
    for match in SHARED.finditer(text):
        block, more, drawn = _block(match["name"], document, recipes, results)
        text = text.replace(match.group(), f"{match['begin']}\n{block}\n{match['end']}")
        tables, figures = tables + more, figures + drawn
    return text, tables, figures


def _block(name: str, document: Path, recipes: Path, results: Path) -> tuple[str, int, int]:
    recipe = recipes / f"{name}.toml"
    if not recipe.exists():
        raise DataError(f"it names results of {name!r}, for which there is no recipe", path=document)
    experiment = SharedExperiment(recipe, results)
    cells = shared_cells(experiment.recipe)
    finished = [(cell, result) for cell in cells if (result := experiment.finished(cell)) is not None]
    if not finished:
        return f"No cell of it is finished yet: `salin analyse shared recipes/{name}.toml` runs them.\n", 0, 0
    parts: list[str] = []
    tables = figures = 0
    for network in experiment.recipe.networks:
        own = [(cell, result) for cell, result in finished if cell.network == network]
        for text, kind, draw in _figures(network, own):
            file = f"{name}.{network}.{kind}.svg"
            (document.parent / "figures").mkdir(exist_ok=True)
            draw(document.parent / "figures" / file)
            parts.append(f"![{text}](figures/{file})\n")
            figures += 1
        for table in shared_tables(network, own):
            parts.append(table.markdown())
            tables += 1
    parts.append(f"{len(finished)} of {len(cells)} cells finished.\n")
    return "\n".join(parts), tables, figures


def shared_tables(network: str, finished: Sequence[tuple[SharedCell, SharedResult]]) -> Iterator[ReportTable]:
    """The tables of one network, as far as its cells are finished."""
    reports, scores = _reports(finished), _scores(finished)
    if reports:
        yield overlap_table(reports, f"{network}: what languages share")
    if reports and reports[0].movements:
        yield movement_table(reports, f"{network}: what fine-tuning moved")
    if scores:
        yield pruning_table(scores, f"{network}: F1 of pruned taggers")
    if masks := [one for _, result in finished for one in result.masks]:
        yield mask_table(masks, f"{network}: weights that two taggers keep")


def _figures(
    network: str, finished: Sequence[tuple[SharedCell, SharedResult]]
) -> Iterator[tuple[str, str, Callable[[Path], None]]]:
    """What each figure shows, what it is called, and what draws it."""
    reports, scores = _reports(finished), _scores(finished)
    if reports:
        yield f"{network}: overlap of important parameters", "fisher", lambda file: plot_fisher(reports, file)
    if scores:
        yield f"{network}: F1 over sparsity", "pruning", lambda file: plot_pruning(scores, file)


def _reports(finished: Sequence[tuple[SharedCell, SharedResult]]) -> list[FisherReport]:
    return [result.fisher for _, result in finished if result.fisher is not None]


def _scores(finished: Sequence[tuple[SharedCell, SharedResult]]) -> Mapping[str, Sequence[PrunedScore]]:
    """By kind of tagger, those of each language together."""
    found: dict[str, list[PrunedScore]] = {}
    for cell, result in finished:
        if cell.part == "pruned":
            found.setdefault(KINDS[cell.kind], []).extend(result.scores)
    return {name: found[name] for name in KINDS.values() if name in found}
