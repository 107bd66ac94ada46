"""Several systems from their result files alone, and how reports show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from salin.corpus import Corpus
from salin.errors import SettingError
from salin.evaluation import (
    AdaptationRecord,
    DataRecord,
    Result,
    Signature,
    analyse_errors,
    assess,
    compare,
    comparison_table,
    difference_interval,
    error_table,
    evaluate,
    holm,
    paired_randomisation,
    result_table,
)

# What four runs of one system make of the corpus; their F1 differ.
TAGS = (
    ["B-PER O O O", "O O", "B-ORG O O O", "B-PER O B-PER"],
    ["B-PER O O B-LOC", "O B-PER", "B-ORG I-ORG I-ORG O", "B-PER O B-LOC"],
    ["O O O B-LOC", "O O", "O O O O", "B-PER O B-PER"],
    ["O O O O", "B-PER O", "B-ORG I-ORG I-ORG O", "O O B-PER"],
)


@pytest.fixture
def runs(corpus: Any, middling: Any) -> Callable[..., list[Result]]:
    """Runs of a system with some seeds; run s does what line s of `TAGS` says, shifted for another system."""

    def make(system: str, *seeds: int, shift: int = 0) -> list[Result]:
        found: list[Result] = []
        for seed in seeds:
            middling.tags = TAGS[(seed + shift) % 4]
            found.append(evaluate(middling, corpus, system=system, seeds=[seed]))
        return found

    return make


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


def test_seeds_that_both_have_are_compared_whatever_the_order(runs: Any) -> None:
    base, other = runs("base", 1, 2, 3), runs("other", 1, 2, 3, shift=1)
    comparison = compare(base, other)
    versus = comparison.rows[1].versus
    a, b = (np.stack([run.counts() for run in system]) for system in (base, other))
    test = assess(b, a)
    assert versus.seeds == [1, 2, 3]
    assert (versus.p_sentences, versus.p_runs) == (test.sentences.p, test.p_runs)
    assert versus.p == max(versus.p_sentences, versus.p_runs) == versus.p_holm
    mean, base_mean = (np.mean([run.micro.f1 for run in system]) for system in (other, base))
    assert versus.difference == pytest.approx(mean - base_mean)
    between = difference_interval(b, a)
    assert (versus.interval.low, versus.interval.high) == (between.low, between.high)
    assert versus.interval.low <= versus.difference <= versus.interval.high
    assert versus.scope == "the methods"
    assert comparison.rows[1].note == ""
    assert compare(base[::-1], [other[1], other[2], other[0]]) == comparison


def test_runs_of_the_same_models_are_tested_in_pairs(runs: Any) -> None:
    plain, adapted = runs("plain", 0, 1, 2), runs("adapted", 0, 1, 2, shift=1)
    row = compare(plain, adapted, paired=True).rows[1]
    expected = assess(*(np.stack([run.counts() for run in side]) for side in (adapted, plain)), paired=True)
    assert row.versus is not None
    assert row.versus.paired
    assert row.versus.p_runs == expected.p_runs
    # Nothing is paired where there is but one model.
    alone = compare(plain[:1], adapted[:1], paired=True).rows[1].versus
    assert alone is not None
    assert not alone.paired
    assert alone.scope == "these models"


def test_other_seeds_are_left_out_of_the_test_and_said(runs: Any) -> None:
    base, other = runs("base", 1, 2, 3), runs("other", 2, 3, 4, shift=1)
    row = compare(base, other).rows[1]
    same = compare(base[1:], other[:2]).rows[1]
    assert row.versus == same.versus
    assert row.versus.seeds == [2, 3]
    assert row.note == "beside base over the seeds of both: 2, 3 (of 2, 3, 4 and 1, 2, 3)"
    assert (row.seeds, row.f1) == (3, pytest.approx(np.mean([run.micro.f1 for run in other])))
    one = compare(base, other[:1]).rows[1]
    assert (one.versus.seeds, one.versus.p_runs, one.versus.scope) == ([2], None, "these models")


def test_without_a_common_seed_there_is_no_test(runs: Any) -> None:
    comparison = compare(runs("base", 1, 2), runs("other", 3, 4), runs("third", 1, 2, shift=1))
    _, row, third = comparison.rows
    assert row.versus is None
    assert row.note == "no test against base: no seed in common (3, 4 and 1, 2)"
    assert third.versus is not None
    assert third.versus.p_holm == third.versus.p, "a test that was not made is not corrected for"
    markdown = comparison_table(comparison).markdown()
    assert "other: no test against base: no seed in common (3, 4 and 1, 2)" in markdown


def test_a_system_without_seeds_tells_nothing_about_runs(runs: Any, corpus: Any, perfect: Any, middling: Any) -> None:
    rules = [evaluate(perfect, corpus)]
    comparison = compare(rules, runs("seeded", 1, 2, 3), [evaluate(middling, corpus)])
    seeded, other_rules = (row.versus for row in comparison.rows[1:])
    assert (seeded.seeds, seeded.p_runs, seeded.scope) == ([1, 2, 3], None, "these models")
    assert (other_rules.seeds, other_rules.p_runs, other_rules.scope) == ([], None, "the methods")
    back = compare(runs("seeded", 1, 2, 3), rules).rows[1].versus
    assert (back.p, back.seeds, back.difference) == (seeded.p, [1, 2, 3], -seeded.difference)


def test_runs_of_a_system_differ_in_their_seed_alone(runs: Any, corpus: Any, perfect: Any) -> None:
    with pytest.raises(SettingError, match="seed 1 occurs twice"):
        compare(runs("base", 1, 2, 1))
    with pytest.raises(SettingError, match="need their seeds"):
        compare([evaluate(perfect, corpus)] * 2)
    how = AdaptationRecord(rule="sgd", rate=0.1, steps=1, k=2, vectors="ngrams", source=[DataRecord.of(corpus)])
    first, second, third = (run.model_copy(update={"adaptation": how}) for run in runs("base", 1, 2, 3))
    older = third.model_copy(update={"adaptation": None})
    assert compare([older, first, second]).rows[0].adaptation == how, "older results do not say how they adapted"
    more = how.model_copy(update={"k": 4})
    with pytest.raises(SettingError, match="adapted in different ways"):
        compare([first, second.model_copy(update={"adaptation": more})])


def test_versions_of_salin_may_differ_and_it_is_said(runs: Any) -> None:
    base, (other,) = runs("base", 1), runs("other", 1, shift=1)
    signature = replace(Signature.parse(other.signature), salin="0.0.1")
    row = compare(base, [other.model_copy(update={"signature": str(signature)})]).rows[1]
    assert row.versus is not None
    assert row.note.startswith("scored by different versions of salin: 0.0.1, ")


def test_only_like_results_can_be_compared(corpus: Any, perfect: Any) -> None:
    here = evaluate(perfect, corpus)
    with pytest.raises(SettingError, match="scored in different ways"):
        compare([here], [evaluate(perfect, corpus, labels=["PER"])])
    with pytest.raises(SettingError, match="scored in different ways"):
        compare([here], [evaluate(perfect, replace(corpus, labels=("LOC", "MISC", "ORG", "PER")))])
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
    base, good = ([evaluate(tagger, corpus, seeds=[seed]) for seed in (1, 2)] for tagger in (middling, perfect))
    markdown = comparison_table(compare(base, good)).markdown()
    heading = "| system | seeds | F1 | 95% CI | minus first | 95% CI | p sent. | p runs | p Holm |"
    assert heading in markdown
    assert "| perfect | 2 | 100.00 ± 0.00 | 100.00 to 100.00 | +60.00 |" in markdown
    assert markdown.splitlines()[5].endswith("| 0.3333 | 0.3333 |")
    assert "95% CI: percentile bootstrap over sentences and runs." in markdown
    assert "With 2 runs of each, p over runs is 0.33 at the least." in markdown
    assert "these models" not in markdown


def test_a_comparison_of_single_runs_speaks_of_these_models(corpus: Any, perfect: Any, middling: Any) -> None:
    base, good = (evaluate(tagger, corpus, seeds=[1]) for tagger in (middling, perfect))
    markdown = comparison_table(compare([base], [good])).markdown()
    assert "bootstrap over sentences.\n" in markdown
    assert "perfect: p speaks of these models only" in markdown
    assert "at the least" not in markdown


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
