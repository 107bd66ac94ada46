"""Several systems from their result files alone, and how reports show them."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from salin.corpus import Corpus
from salin.errors import SettingError
from salin.evaluation import (
    analyse_errors,
    compare,
    comparison_table,
    error_table,
    evaluate,
    holm,
    paired_randomisation,
    result_table,
)


def test_rows_hold_means_intervals_and_tests(corpus: Any, perfect: Any, middling: Any) -> None:
    bad, good = evaluate(middling, corpus), evaluate(perfect, corpus)
    comparison = compare([bad], [good], [bad])
    assert [row.system for row in comparison.rows] == ["middling (1)", "perfect", "middling (2)"]
    baseline, better, same = comparison.rows
    assert baseline.versus is None
    assert better.versus is not None
    assert better.versus.difference == pytest.approx(0.6)
    assert better.versus.p == paired_randomisation(good.counts(), bad.counts()).p
    assert same.versus is not None
    assert same.versus.p == 1
    assert better.versus.p_holm == holm({"a": better.versus.p, "b": 1})["a"]


def test_seeds_are_averaged(corpus: Any, perfect: Any, middling: Any) -> None:
    bad, good = evaluate(middling, corpus, seeds=[1]), evaluate(perfect, corpus, seeds=[2])
    row = compare([bad], [good, bad]).rows[1]
    assert row.seeds == 2
    assert row.f1 == pytest.approx(0.7)
    assert row.std == pytest.approx(0.6 / 2**0.5)


def test_only_like_results_can_be_compared(corpus: Any, perfect: Any) -> None:
    here = evaluate(perfect, corpus)
    with pytest.raises(SettingError, match="scored in different ways"):
        compare([here], [evaluate(perfect, corpus, labels=["PER"])])
    other = Corpus(corpus.sentences[:3], name="shorter", scheme="IOB2")
    perfect.tags = perfect.tags[:3]
    with pytest.raises(SettingError, match="only results on the same data"):
        compare([here], [evaluate(perfect, other)])
    with pytest.raises(SettingError, match="at least one result"):
        compare([here], [])


def shown(table: Any) -> str:
    console = Console(width=160, record=True, file=StringIO())
    console.print(table)
    return console.export_text()


def test_a_result_as_a_table(corpus: Any, middling: Any) -> None:
    table = result_table(evaluate(middling, corpus, source_entities={"Ana"}, notes=["read [PER] as it stands"]))
    markdown = table.markdown()
    assert "| entities | precision | recall | F1 | support |" in markdown
    assert "| all (micro) | 40.00 | 40.00 | 40.00 | 5 |" in markdown
    assert "| seen in source | 100.00 | 100.00 | 100.00 | 2 |" in markdown
    assert "micro-F1 40.00, 95% interval " in markdown
    assert "middling on tiny" in shown(table)
    assert "read [PER] as it stands" in shown(table)


def test_a_comparison_as_a_table(corpus: Any, perfect: Any, middling: Any) -> None:
    comparison = compare([evaluate(middling, corpus)], [evaluate(perfect, corpus)] * 2)
    markdown = comparison_table(comparison).markdown()
    assert "| system | seeds | F1 | 95% interval | difference | p | p (Holm) |" in markdown
    assert "| perfect | 2 | 100.00 ± 0.00 | 100.00 to 100.00 | +60.00 |" in markdown


def test_errors_as_a_table(corpus: Any, middling: Any) -> None:
    gold = list(corpus)
    markdown = error_table(analyse_errors(gold, list(middling.tag_sentences(gold)))).markdown()
    assert "| type | 1 | Eva PER → Eva LOC |" in markdown
    assert "| boundary | 1 | Bank of Cebu ORG → Bank ORG |" in markdown
    assert "| spurious | 1 | nothing → came PER |" in markdown


def test_bars_and_line_breaks_do_not_break_markdown(corpus: Any, perfect: Any) -> None:
    result = evaluate(perfect, corpus).model_copy(update={"system": "a|b\nc"})
    row = comparison_table(compare([result])).markdown().splitlines()[4]
    assert row.startswith("| a\\|b c | 1 |")
