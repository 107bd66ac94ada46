"""What documents show of pretraining runs: loss against tokens in one figure, and what each run cost."""

from __future__ import annotations

import re
from pathlib import Path

from salin.errors import DataError
from salin.evaluation import ReportTable
from salin.pretraining.curves import LOG, PretrainingLog, plot_losses
from salin.pretraining.run_cost import COST, RunCost

PRETRAINING = re.compile(
    r"(?P<begin><!-- pretraining:(?P<names>[\w.-]+(?: [\w.-]+)*) -->\n).*?(?P<end><!-- /pretraining -->)", re.DOTALL
)


def fill_pretraining(text: str, document: Path, results: Path) -> tuple[str, int, int]:
    """Fills in what stands between `<!-- pretraining:NAME NAME -->` and `<!-- /pretraining -->`, and draws its figure.

    Args:
        text: Of the document.
        document: Figures lie in a folder `figures` beside it, called by the first name.
        results: Holds a folder for each run, with its `log.jsonl` and its `cost.json`.

    Returns:
        The new text, and how many tables and figures there are in these places.

    Raises:
        DataError: When there is no such run.
    """
    places = list(PRETRAINING.finditer(text))
    for match in places:
        block = _block(match["names"].split(), document, results)
        text = text.replace(match.group(), f"{match['begin']}\n{block}\n{match['end']}")
    return text, len(places), len(places)


def cost_table(costs: dict[str, RunCost]) -> ReportTable:
    """What runs cost, one a row."""
    return ReportTable(
        "What pretraining cost",
        ("run", "parameters", "tokens", "of these", "seconds", "processes", "operations", "tokens a second", "of peak"),
        tuple(
            (
                name,
                f"{cost.parameters / 1e6:.1f}M",
                f"{cost.tokens['tokens'] / 1e6:.1f}M",
                ", ".join(
                    f"{kind.removesuffix('_tokens')} {count / 1e6:.1f}M"
                    for kind, count in cost.tokens.items()
                    if kind != "tokens"
                ),
                f"{cost.seconds:,.0f}",
                str(cost.processes),
                f"{cost.operations:.1e}",
                f"{cost.tokens_per_second:,.0f}",
                f"{cost.utilization:.0%} ({cost.precision})",
            )
            for name, cost in costs.items()
        ),
        ("Operations: of floating point, in matrix products. Of peak: operations a second as a share of what products "
         "of large matrices reached on the same machine and as many processes at the end of the run.",),
        prose=(0, 3),
    )  # fmt: skip


def _block(names: list[str], document: Path, results: Path) -> str:
    for name in names:
        if not (results / name / COST).exists():
            raise DataError(f"it names the pretraining run {name!r}, of which there is no result", path=document)
    costs = {name: RunCost.read(results / name / COST) for name in names}
    logs = {name: PretrainingLog.read(results / name / LOG) for name in names}
    figure = f"{names[0]}.loss.svg"
    (document.parent / "figures").mkdir(exist_ok=True)
    plot_losses(logs, document.parent / "figures" / figure, ", ".join(names))
    return f"![Loss against tokens](figures/{figure})\n\n{cost_table(costs).markdown()}"
