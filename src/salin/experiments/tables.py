"""Tables made of result files alone: one for each recipe, also inside documents between two marks."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from salin.errors import DataError
from salin.evaluation.comparison import Versus
from salin.evaluation.report import ReportTable
from salin.experiments.standings import Row, Runs, Standings
from salin.files import atomic_write

# More tests than this do not fit side by side on a page or a terminal.
_MOST_COLUMNS = 4
_MARKED = re.compile(r"(<!-- results:(?P<name>[\w.@-]+) -->\n).*?(<!-- /results -->)", re.DOTALL)


def recipe_table(path: str | Path, results: str | Path = "results", encoder: str | None = None) -> ReportTable:
    """The table of a recipe as far as its cells are finished.

    Each figure is the mean F1 over seeds in percent with a 95 % bootstrap interval over sentences and seeds, and p of
    the test against the row's baseline; for an adapted row also what adaptation changes.

    Args:
        path: The recipe.
        results: Where result files are.
        encoder: What stood in for the recipe's encoder, if anything.

    Raises:
        DataError: When no cell is finished.
    """
    return standings_table(Standings.read(path, results, encoder))


def standings_table(standings: Standings) -> ReportTable:
    """The table of a recipe whose finished cells have been read already; see `recipe_table`."""
    recipe, runs = standings.recipe, standings.runs
    if not runs:
        return dev_table(standings)
    footer = (
        "F1 in percent, strict entities, mean over seeds [95 % bootstrap interval over sentences and seeds]. "
        f"{_against(standings)} p is the larger of a paired randomisation over sentences and a permutation of runs; * "
        "marks one over sentences alone, which speaks of these trained models and not of other seeds. It is not "
        "corrected for the number of rows. cost: seconds of tagging, retrieval included, over those of the same tagger "
        f"without adaptation. Encoder: {recipe.encoder}. {standings.progress}",
    )
    if len(runs) > _MOST_COLUMNS:
        return _long(standings, footer)
    body = tuple(
        (row.name, str(max(len(by_row.get(row.name, ())) for by_row in runs.values())),
         *(_figure(standings, test, row) for test in runs), _cost(row, runs))
        for row in standings.rows if any(row.name in by_row for by_row in runs.values())
    )  # fmt: skip
    return ReportTable(recipe.title, ("system", "seeds", *runs, "cost"), body, footer)


def dev_table(standings: Standings) -> ReportTable:
    """The figures by which settings may be chosen: F1 on source dev and on its pseudo-foreign copies."""
    copies = list(dict.fromkeys(name for cell in standings.finished for by in cell.dev.values() for name in by))
    body: list[tuple[str, ...]] = []
    for row in standings.rows:
        found = [cell.dev[row.name] for cell in standings.finished if row.name in cell.dev]
        means = [100 * statistics.mean(figures[copy] for figures in found) for copy in copies]
        body.append((row.name, str(len(found)), *(f"{mean:.1f}" for mean in means)))
    footer = (
        "F1 in percent on the first 1,000 sentences of source dev, as they are and with most words replaced by "
        "dictionary translations; mean over seeds. No target label and no test file is read. "
        f"Encoder: {standings.recipe.encoder}. {standings.progress}",
    )
    return ReportTable(f"{standings.recipe.title}: source dev", ("system", "seeds", *copies), tuple(body), footer)


def _against(standings: Standings) -> str:
    """What each row is tested against, in words."""
    usual = standings.recipe.baseline
    others: dict[str, list[str]] = {}
    for row in standings.rows:
        if row.baseline is not None and row.baseline.partition(" ")[0] != usual:
            others.setdefault(row.baseline, []).append(row.name)
    text = "".join(f" ({', '.join(names)}: against {base})" for base, names in others.items())
    gain = " after a semicolon: what adaptation changes." if any(standings.gains.values()) else ""
    return f"p: against {usual}{text};{gain}" if gain else f"p: against {usual}{text}."


def _long(standings: Standings, footer: tuple[str, ...]) -> ReportTable:
    """A line for each system on each test, where tests as columns would not fit a page."""
    body: list[tuple[str, ...]] = []
    for test, by_row in standings.runs.items():
        for row in standings.rows:
            if row.name in by_row:
                figure, _, p = _figure(standings, test, row).partition(" p ")
                body.append((test, row.name, str(len(by_row[row.name])), figure, p, _cost(row, {test: by_row})))
    columns = ("test", "system", "seeds", "F1 [interval]", "p", "cost")
    return ReportTable(standings.recipe.title, columns, tuple(body), footer, prose=(0, 1))


def write_tables(
    documents: Sequence[str | Path], recipes: str | Path = "recipes", results: str | Path = "results"
) -> int:
    """Fills in each `<!-- results:NAME --> ... <!-- /results -->` of some documents with the table of a recipe.

    A name may end with `@ENCODER`, as the folder of its results does.

    Args:
        documents: Markdown files.
        recipes: Where `NAME.toml` is.
        results: Where result files are.

    Returns:
        How many tables were written.

    Raises:
        DataError: When a document names a recipe that does not exist or has no results.
    """
    count = 0
    for document in map(Path, documents):
        text = document.read_text(encoding="utf-8")

        def filled(match: re.Match[str], document: Path = document) -> str:
            name, _, encoder = match["name"].partition("@")
            recipe = Path(recipes) / f"{name}.toml"
            if not recipe.exists():
                raise DataError(f"it names results of {match['name']!r}, for which there is no recipe", path=document)
            table = recipe_table(recipe, results, encoder.replace("--", "/") or None)
            return f"{match[1]}\n{table.markdown()}\n{match[3]}"

        new, found = _MARKED.subn(filled, text)
        count += found
        if new != text:
            with atomic_write(document) as file:
                file.write(new)
    return count


def _cost(row: Row, runs: Mapping[str, Runs]) -> str:
    """The median ratio of an adapted row's seconds to those of its plain row in the same cell."""
    if row.plain is None:
        return ""
    ratios: list[float] = []
    for by_row in runs.values():
        plain = {tuple(result.seeds): result.seconds for result in by_row.get(row.plain, ())}
        for own in by_row.get(row.name, ()):
            if own.seconds and (base := plain.get(tuple(own.seeds))):
                ratios.append(own.seconds / base)
    return f"{statistics.median(ratios):.1f}" if ratios else ""


def _figure(standings: Standings, test: str, row: Row) -> str:
    compared = standings.compared[test].get(row.name)
    if compared is None:
        return ""
    text = f"{100 * compared.f1:.1f} [{100 * compared.interval.low:.1f}, {100 * compared.interval.high:.1f}]"
    if compared.versus is not None:
        text += f" p {_p(compared.versus)}"
    gain = standings.gains[test].get(row.name)
    if gain is not None and gain.versus is not None:
        text += f"; {100 * gain.versus.difference:+.1f} p {_p(gain.versus)}"
    return text


def _p(versus: Versus) -> str:
    text = "< 0.001" if versus.p < 0.001 else f"{versus.p:.3f}"
    return text + "*" * (versus.scope == "these models")
