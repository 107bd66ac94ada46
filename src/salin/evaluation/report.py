"""Results as tables: for people at a terminal (rich) and for documents (Markdown). Nothing is printed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from salin.corpus.sentence import Entity
from salin.evaluation.comparison import Comparison, ComparisonRow
from salin.evaluation.error_analysis import ErrorAnalysis, ErrorKind
from salin.evaluation.records import IntervalRecord, Ratios
from salin.evaluation.result import Result

_USUAL_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table that can be shown in several ways.

    Attributes:
        title: What it shows.
        columns: Headings.
        rows: As many cells as there are columns in each.
        footer: Paragraphs below the table.
        prose: Which columns hold text; the others hold numbers and stand on the right.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    footer: tuple[str, ...] = ()
    prose: tuple[int, ...] = (0,)

    def __rich__(self) -> Group:
        """The table as a rich console prints it."""
        # `Text` is shown as it stands: a plain string with `[PER]` in it would be read as markup.
        table = Table(
            title=Text(self.title), title_justify="left", box=box.SIMPLE, collapse_padding=True, pad_edge=False
        )
        for number, column in enumerate(self.columns):
            table.add_column(Text(column), justify="left" if number in self.prose else "right", overflow="fold")
        for row in self.rows:
            table.add_row(*map(Text, row))
        return Group(table, *map(Text, self.footer))

    def markdown(self) -> str:
        """The table in GitHub's Markdown."""
        rule = ["---" if number in self.prose else "---:" for number in range(len(self.columns))]
        lines = [_markdown_row(cells) for cells in (self.columns, rule, *self.rows)]
        return "\n\n".join([f"**{self.title}**", "\n".join(lines), *self.footer]) + "\n"


def result_table(result: Result) -> ReportTable:
    """One result: a row a label, then the totals; numbers in percent."""
    rows = [_ratios_row(label, ratios) for label, ratios in result.by_type.items()]
    rows.append(_ratios_row("all (micro)", result.micro))
    rows.append(("macro", "", "", _percent(result.macro_f1), ""))
    rows.append(_ratios_row("spans, labels ignored", result.spans))
    if result.seen is not None and result.unseen is not None:
        rows += [_ratios_row("seen in source", result.seen), _ratios_row("unseen", result.unseen)]
    footer = [f"micro-F1 {_percent(result.micro.f1)}, {_interval(result.interval)}"]
    if (lenient := result.lenient) is not None:
        scores = ", ".join(f"{n} {_percent(v)}" for n, v in (("macro", lenient.macro), ("weighted", lenient.weighted)))
        footer.append(
            f"lenient token F1 {_percent(lenient.micro)} ({scores}) on the {lenient.sentences} sentences with a gold "
            "entity: not to be compared with the strict one"
        )
    if result.adaptation is not None:
        footer.append(f"adapted: {result.adaptation}")
    if result.calibration is not None:
        c = result.calibration
        footer.append(f"expected calibration error {c.ece:.3f} ({c.bins} bins of equal {c.binning})")
    if result.seconds:
        footer.append(f"{result.data.sentences} sentences in {result.seconds:.1f} s")
    footer += [*result.notes, result.signature, *([lenient.signature] if lenient else [])]
    title = f"{result.system} on {result.data.name}"
    return ReportTable(title, ("entities", "precision", "recall", "F1", "support"), tuple(rows), tuple(footer))


def comparison_table(comparison: Comparison) -> ReportTable:
    """Several systems: mean ± standard deviation over seeds, difference from the first, intervals, p; in percent."""
    # Short, so that nine columns fit a terminal.
    interval = f"{comparison.rows[0].interval.level:.0%} CI"
    columns = ("system", "seeds", "F1", interval, "minus first", interval, "p sent.", "p runs", "p Holm")
    rows = tuple(_comparison_row(row) for row in comparison.rows)
    return ReportTable(comparison.data, columns, rows, _comparison_footer(comparison))


def error_table(analysis: ErrorAnalysis, *, examples: int = 3) -> ReportTable:
    """Kinds of errors with their counts and first examples, as `gold → predicted`."""
    rows: list[tuple[str, ...]] = []
    for kind, count in analysis.counts.items():
        shown = "; ".join(
            f"{_entity(error.gold)} → {_entity(error.predicted)}" for error in analysis.examples(kind, examples)
        )
        rows.append((kind.value, str(count), shown))
    footer = (
        f"{analysis.correct} entities are right; {ErrorKind.MISSED.value} and {ErrorKind.SPURIOUS.value} ones "
        "are paired with no wrong entity of the other side.",
    )
    return ReportTable("errors", ("kind", "count", "examples"), tuple(rows), footer, prose=(0, 2))


def _comparison_row(row: ComparisonRow) -> tuple[str, ...]:
    f1 = _percent(row.f1) + (f" ± {_percent(row.std)}" if row.seeds > 1 else "")
    bounds = f"{_percent(row.interval.low)} to {_percent(row.interval.high)}"
    versus = row.versus
    if versus is None:
        return row.system, str(row.seeds), f1, bounds, "", "", "", "", ""
    between = f"{100 * versus.interval.low:+.2f} to {100 * versus.interval.high:+.2f}"
    ps = (_p(versus.p_sentences), "" if versus.p_runs is None else _p(versus.p_runs), _p(versus.p_holm))
    return row.system, str(row.seeds), f1, bounds, f"{100 * versus.difference:+.2f}", between, *ps


def _comparison_footer(comparison: Comparison) -> tuple[str, ...]:
    base, *others = comparison.rows
    over = "sentences and runs" if any(row.seeds > 1 for row in comparison.rows) else "sentences"
    footer = [f"{base.interval.level:.0%} CI: percentile bootstrap over {over}."]
    tested = [row.versus for row in others if row.versus is not None]
    if tested:
        footer.append(
            f"p against {base.system}: sent., by paired randomisation over sentences; runs, by "
            + ("paired t-test over runs" if all(versus.paired for versus in tested) else "permutation of whole runs")
            + "; Holm, the larger of the two, adjusted for the number of comparisons."
        )
    these = [row.system for row in others if row.versus is not None and row.versus.scope == "these models"]
    if these:
        footer.append(f"{', '.join(these)}: p speaks of these models only, not of what other seeds would give.")
    for count in sorted({len(versus.seeds) for versus in tested if versus.p_runs is not None and not versus.paired}):
        least = 2 / comb(2 * count, count)
        if least > _USUAL_LEVEL:
            footer.append(f"With {count} runs of each, p over runs is {least:.2g} at the least.")
    footer += [f"{row.system}: {row.note}" for row in comparison.rows if row.note]
    footer += [f"{row.system} adapted: {row.adaptation}" for row in comparison.rows if row.adaptation is not None]
    return tuple(footer)


def _ratios_row(name: str, ratios: Ratios) -> tuple[str, ...]:
    return (name, _percent(ratios.precision), _percent(ratios.recall), _percent(ratios.f1), str(ratios.support))


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"


def _interval(interval: IntervalRecord) -> str:
    return f"{interval.level:.0%} interval {_percent(interval.low)} to {_percent(interval.high)}"


def _p(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0001 else "<0.0001"


def _entity(entity: Entity | None) -> str:
    return "nothing" if entity is None else f"{entity.text} {entity.label}"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
