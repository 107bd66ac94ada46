"""Figures of a recipe show the rows of its table: means, intervals and the baseline, F1 against cost, or a matrix."""

from __future__ import annotations

from pathlib import Path

import pytest

import svg_files
from salin.corpus import Corpus, Sentence
from salin.errors import DataError, SettingError
from salin.evaluation import score_predictions
from salin.evaluation.result import Result
from salin.experiments import fill_documents, plot_recipe, recipe_table
from salin.experiments.cell import CellResult
from salin.experiments.cost_curve import plot_cost_curve
from salin.experiments.experiment import Experiment
from salin.experiments.plots import check_plot
from salin.experiments.standings import Standings
from salin.experiments.transfer_figure import plot_transfer_matrix

RECIPE = """
title = "Small & cheap: from $5 to $6"
encoder = "./models/mine"
baseline = "direct"
seeds = [1, 2]

[label_sets.all]
source = ["train.txt"]
dev = "dev.txt"
tests = { es = "es.txt", nl = "nl.txt" }
[label_sets.few]
source = ["train.txt"]
dev = "dev.txt"
tests = { zh = "zh.txt" }

[systems.capitalised]
method = "rules"
rules = "rules:capitalised"
[systems.direct]
method = "direct"
[systems.meta]
method = "meta"
adapt = { sgd = {} }
"""
ROWS = ["capitalised", "direct", "meta", "meta+sgd"]
FEW_SHOTS = """
[systems.direct]
method = "finetune"
trained_by = { recipe = "other.toml", system = "direct" }
finetune = { fractions = [0.01, 0.05], train = { es = "train.txt" } }
[systems.meta]
method = "finetune"
trained_by = { recipe = "other.toml", system = "meta" }
finetune = { fractions = [0.01, 0.05], train = { es = "train.txt" } }
"""


def scored(row: str, right: int, seed: int | None = None, seconds: float | None = None) -> Result:
    """A result in which `right` of ten entities are found, and nothing else is: its F1 is `2 right / (right + 10)`."""
    gold = [Sentence.from_tokens(["Ana", "sings", str(number)], ["B-PER", "O", "O"]) for number in range(10)]
    blind = Corpus(tuple(gold), name="tiny").without_entities()
    predicted = [*gold[:right], *blind[right:]]
    corpus, seeds = Corpus(tuple(gold), name="tiny"), [seed] if seed else []
    return score_predictions(corpus, predicted, system=row, seeds=seeds, seconds=seconds)


def finish(folder: Path, cell: str, results: dict[str, dict[str, Result]], recipe: str = "small") -> None:
    """Leaves the file of a finished cell."""
    experiment = Experiment(folder / f"{recipe}.toml")
    known = next(one for one in experiment.cells if one.name == cell)
    CellResult(
        cell=cell, fingerprint=experiment.fingerprint(known), encoder="models/mine", settings={}, selection={},
        dev={}, results=results, seconds={}, peak_megabytes=1,
    ).save(folder / "results" / recipe / f"{cell}.json")  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recipe of 10 cells, 4 of them finished: nothing of `few`, and `meta` with one of its seeds."""
    (tmp_path / "small.toml").write_text(RECIPE, encoding="utf-8")
    finish(tmp_path, "capitalised-all", {test: {"capitalised": scored("capitalised", 2)} for test in ("es", "nl")})
    for seed, right in ((1, 4), (2, 6)):
        finish(tmp_path, f"direct-all-{seed}", {t: {"direct": scored("direct", right, seed)} for t in ("es", "nl")})
    meta = {"meta": scored("meta", 7, 1), "meta+sgd": scored("meta+sgd", 9, 1)}
    finish(tmp_path, "meta-all-1", {"es": meta, "nl": {"meta": scored("meta", 3, 1)}})
    return tmp_path


@pytest.fixture
def figure(folder: Path) -> Path:
    plot_recipe(folder / "small.toml", folder / "results", folder / "figure.svg")
    return folder / "figure.svg"


def test_every_word_that_a_reader_needs_is_there(figure: Path) -> None:
    shown = svg_files.texts(figure)
    assert {"Small & cheap: from $5 to $6", "es", "nl", "zh", "F1 in percent", *ROWS} <= set(shown)
    footer = " ".join(shown)
    for part in (
        "at most 2 so far",
        "95 % bootstrap interval",
        "Line: what the row is tested against",
        "Encoder: models/mine.",  # as it lies from the recipe, on every machine the same
        "4 of 10 cells finished",
    ):
        assert part in footer


def test_a_dot_for_each_row_of_the_table_hollow_for_rules(figure: Path) -> None:
    counts = {
        test: (len(svg_files.dots(figure, f"means-{test}")), len(svg_files.dots(figure, f"rules-{test}")))
        for test in ("es", "nl")
    }
    assert counts == {"es": (3, 1), "nl": (2, 1)}, "meta+sgd has not been tested on nl"
    assert "no finished cell" in svg_files.texts(figure), "and zh not at all"


def test_dots_stand_at_the_mean_of_the_seeds(folder: Path, figure: Path) -> None:
    compared = Standings.read(folder / "small.toml", folder / "results").compared["es"]
    found = dict(zip(ROWS, svg_files.dots(figure, "rules-es") + svg_files.dots(figure, "means-es"), strict=True))
    left, right = compared["capitalised"].f1, compared["meta+sgd"].f1
    assert compared["direct"].f1 == pytest.approx((8 / 14 + 12 / 16) / 2)
    for row in ("direct", "meta"):
        share = (compared[row].f1 - left) / (right - left)
        x = found["capitalised"][0] + share * (found["meta+sgd"][0] - found["capitalised"][0])
        assert found[row][0] == pytest.approx(x, abs=0.01)
    heights = [found[row][1] for row in ROWS]
    assert heights == sorted(heights), "from top to bottom in the order of the table"
    assert svg_files.dots(figure, "means-nl")[1][1] == found["meta"][1], "and in all panels at the same height"


def test_bars_are_the_intervals(folder: Path, figure: Path) -> None:
    compared = Standings.read(folder / "small.toml", folder / "results").compared["es"]
    bars = svg_files.lines(figure, "intervals-es")
    dots = svg_files.dots(figure, "rules-es") + svg_files.dots(figure, "means-es")
    percent = (dots[3][0] - dots[0][0]) / (compared["meta+sgd"].f1 - compared["capitalised"].f1)
    assert len(bars) == 4
    for row, ((low, _), (high, _)), (x, _) in zip(ROWS, bars, dots, strict=True):
        interval, f1 = compared[row].interval, compared[row].f1
        assert low - x == pytest.approx((interval.low - f1) * percent, abs=0.01)
        assert high - x == pytest.approx((interval.high - f1) * percent, abs=0.01)


def test_the_line_is_the_mean_of_the_baseline_from_top_to_bottom(figure: Path) -> None:
    pieces = svg_files.lines(figure, "baseline-es")
    direct = svg_files.dots(figure, "means-es")[0][0]
    assert [x for piece in pieces for x, _ in piece] == [pytest.approx(direct, abs=0.01)] * 8
    for (_, bottom), (top, *_) in zip([p[-1] for p in pieces[:-1]], [p[0][1:] for p in pieces[1:]], strict=True):
        assert bottom == pytest.approx(top)


def test_fine_tuned_rows_stand_against_the_baseline_with_the_same_share(folder: Path) -> None:
    few = RECIPE[: RECIPE.index("[systems.capitalised]")] + FEW_SHOTS
    (folder / "other.toml").write_text(RECIPE, encoding="utf-8")
    (folder / "small.toml").write_text(few, encoding="utf-8")
    for system, first, second in (("direct", 3, 6), ("meta", 5, 8)):
        names = f"{system} 1%", f"{system} 5%"
        rows = {name: scored(name, right, 1) for name, right in zip(names, (first, second), strict=True)}
        finish(folder, f"{system}-all-1", {"es": rows})
    (folder / "results" / "small" / "direct-all-2.json").unlink()
    file = folder / "few.svg"
    plot_recipe(folder / "small.toml", folder / "results", file)
    one, five = (x for x, _ in svg_files.dots(file, "means-es")[:2])
    assert [piece[0][0] for piece in svg_files.lines(file, "baseline-es")] == pytest.approx(
        [one, five, one, five], abs=0.01
    )


def test_table_and_figure_are_made_of_the_same_rows(folder: Path) -> None:
    standings = Standings.read(folder / "small.toml", folder / "results")
    assert [row[0] for row in recipe_table(folder / "small.toml", folder / "results").rows] == ROWS
    assert [row.name for row in standings.rows] == ROWS
    assert standings.progress == "4 of 10 cells finished."


@pytest.fixture
def cost_curve(folder: Path) -> Path:
    """F1 against cost of three ways to adapt on `es`; of them one on `nl`, where it has not been timed."""
    ways = "adapt = { sgd = {}, slow = {}, worse = {} }"
    (folder / "small.toml").write_text(RECIPE.replace("adapt = { sgd = {} }", ways), encoding="utf-8")
    (folder / "results" / "small" / "meta-all-1.json").unlink()
    for seed, plain in ((1, 2.0), (2, 4.0)):
        rows = {"meta": (5, 1), "meta+sgd": (7, 2), "meta+slow": (9, 5), "meta+worse": (6, 4)}
        es = {row: scored(row, right, seed, plain * times) for row, (right, times) in rows.items()}
        nl = {row: scored(row, 3, seed) for row in ("meta", "meta+sgd")}
        finish(folder, f"meta-all-{seed}", {"es": es, "nl": nl})
    plot_cost_curve(Standings.read(folder / "small.toml", folder / "results"), folder / "cost.svg")
    return folder / "cost.svg"


def test_the_curve_has_a_dot_for_each_adapted_row_at_its_cost_and_f1(cost_curve: Path) -> None:
    ((one, plain),) = svg_files.dots(cost_curve, "plain-es")
    sgd, slow, worse = svg_files.dots(cost_curve, "means-es")
    unit = sgd[0] - one
    assert unit > 0
    assert [x - one for x, _ in (slow, worse)] == pytest.approx([4 * unit, 3 * unit], rel=0.01)
    assert slow[1] < sgd[1] < worse[1] < plain, "y counts downwards, so that the best is the least"
    assert {"meta", "meta+sgd", "meta+slow", "meta+worse"} <= set(svg_files.texts(cost_curve))
    assert "direct" not in svg_files.texts(cost_curve), "which does not adapt"


def test_the_line_of_the_curve_leads_along_what_nothing_cheaper_exceeds(cost_curve: Path) -> None:
    (front,) = svg_files.lines(cost_curve, "front-es")
    sgd, slow, _ = svg_files.dots(cost_curve, "means-es")
    assert [x for x, _ in front] == pytest.approx(
        [svg_files.dots(cost_curve, "plain-es")[0][0], sgd[0], slow[0]], abs=0.01
    )


def test_bars_of_the_curve_are_intervals_of_what_is_gained(folder: Path, cost_curve: Path) -> None:
    gained = Standings.read(folder / "small.toml", folder / "results").gains["es"]["meta+slow"].versus
    assert gained is not None
    ((_, plain),) = svg_files.dots(cost_curve, "plain-es")
    _, (x, slow), _ = svg_files.dots(cost_curve, "means-es")
    (left, low), (_, high) = svg_files.lines(cost_curve, "intervals-es")[1]
    assert left == pytest.approx(x, abs=0.01)
    point = (slow - plain) / gained.difference
    assert (low - plain, high - plain) == pytest.approx(
        (gained.interval.low * point, gained.interval.high * point), abs=0.01
    )


def test_a_test_without_costs_has_an_empty_panel_and_a_recipe_without_any_no_curve(
    folder: Path, cost_curve: Path
) -> None:
    assert svg_files.texts(cost_curve).count("no finished cell") == 2, "nl has not been timed, zh not been tested"
    for seed in (1, 2):
        (folder / "results" / "small" / f"meta-all-{seed}.json").unlink()
    with pytest.raises(DataError, match="no finished cell has a row that adapts"):
        plot_cost_curve(Standings.read(folder / "small.toml", folder / "results"), folder / "none.svg")
    assert not (folder / "none.svg").exists()


def test_a_document_says_how_to_make_what_is_not_there_yet(folder: Path) -> None:
    for file in (folder / "results" / "small").iterdir():
        file.unlink()
    page = folder / "page.md"
    page.write_text("<!-- results:small -->\n<!-- /results -->\n", encoding="utf-8")
    assert fill_documents([page], folder, folder / "results") == (1, 0)
    assert "No cell of it is finished yet: `salin run recipes/small.toml` runs them.\n" in page.read_text("utf-8")
    page.write_text("![dots](figures/small.svg)\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"figure of 'small', of which no cell is finished"):
        fill_documents([page], folder, folder / "results")


def test_nothing_to_draw_is_said(folder: Path) -> None:
    with pytest.raises(DataError, match="no finished cell"):
        plot_recipe(folder / "small.toml", folder / "elsewhere", folder / "figure.svg")
    no_tests = "\n".join(line for line in RECIPE.splitlines() if not line.startswith("tests"))
    (folder / "small.toml").write_text(no_tests, encoding="utf-8")
    with pytest.raises(SettingError, match="no label set of it has tests"):
        check_plot(folder / "small.toml", folder / "figure.svg")
    with pytest.raises(SettingError, match=r"\.svg, \.png, \.pdf"):
        check_plot(folder / "small.toml", folder / "figure.gif")
    assert not list(folder.glob("figure*"))


@pytest.fixture
def transfer(folder: Path) -> Path:
    """Taggers of es (two seeds) and fr (one), tested on es; on nl that of es alone."""
    text = RECIPE.replace('baseline = "direct"', 'baseline = "es"').replace("adapt = { sgd = {} }", "")
    text = text.replace("[systems.direct]", "[systems.es]").replace("[systems.meta]", "[systems.fr]")
    (folder / "matrix.toml").write_text(text, encoding="utf-8")
    for seed, right in ((1, 8), (2, 10)):
        found = {"es": {"es": scored("es", right, seed)}, "nl": {"es": scored("es", 2, seed)}}
        finish(folder, f"es-all-{seed}", found, "matrix")
    finish(folder, "fr-all-1", {"es": {"fr": scored("fr", 4, 1)}}, "matrix")
    return folder


def test_cells_of_a_matrix_hold_the_mean_f1_of_a_source_on_a_target(transfer: Path) -> None:
    standings = Standings.read(transfer / "matrix.toml", transfer / "results")
    plot_transfer_matrix(standings, transfer / "matrix.svg")
    shown = svg_files.texts(transfer / "matrix.svg")
    pairs = [("es", "es"), ("es", "nl"), ("fr", "es")]
    means = [100 * standings.compared[test][row].f1 for row, test in pairs]
    assert means[0] == pytest.approx(100 * (16 / 18 + 1) / 2)
    assert [text for text in shown if text.isdigit()] == [f"{mean:.0f}" for mean in means]
    assert shown.count("es") == 2 and shown.count("nl") == 1, "a row and a column, and a column"
    assert "3 of 10 cells finished" in " ".join(shown)


def test_documents_show_the_matrix_beside_the_dots(transfer: Path) -> None:
    page = transfer / "page.md"
    page.write_text("![dots](figures/matrix.svg) ![matrix](figures/matrix.matrix.svg)\n", encoding="utf-8")
    assert fill_documents([page], recipes=transfer, results=transfer / "results") == (0, 2)
    assert "trained on" in svg_files.texts(transfer / "figures" / "matrix.matrix.svg")
    assert "trained on" not in svg_files.texts(transfer / "figures" / "matrix.svg")


def test_a_matrix_of_what_has_not_been_tested_is_not_drawn(folder: Path) -> None:
    for file in (folder / "results" / "small").iterdir():
        file.unlink()
    finish(folder, "direct-all-1", {})
    with pytest.raises(DataError, match="no cell with a test is finished"):
        plot_transfer_matrix(Standings.read(folder / "small.toml", folder / "results"), folder / "matrix.svg")
