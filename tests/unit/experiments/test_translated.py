"""A recipe in which a trained tagger of English tags Spanish by way of translation."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from experiment_files import RECIPE, write_recipe
from salin.errors import SettingError
from salin.experiments import Recipe, fill_documents, run_recipe
from salin.experiments.cell import CellResult
from salin.experiments.experiment import Experiment
from salin.experiments.standings import Standings
from salin.experiments.tables import dev_table
from salin.experiments.translation_tables import lenient_table, round_trip_table, translation_table
from salin.translation import Link, Phrases, Translation, Usage

TRANSLATE = """
[systems.translate]
method = "translate"
trained_by = { system = "direct" }
[systems.translate.translate]
round_trips = true
combined = true
languages = { es = "Spanish" }
[systems.translate.translate.translators]
es = "mirror:es"
"""


class Mirror:
    """Gives every sentence back as its own translation, word for word."""

    asks_for_all = False

    def __init__(self) -> None:
        self.usage = Usage()

    def translate(self, sentences: Sequence[str]) -> list[Translation | None]:
        self.usage.calls += 1
        return [Translation(text, links=tuple(self._links(text))) for text in sentences]

    def _links(self, text: str) -> list[Link]:
        position, links = 0, []
        for word in text.split():
            start = text.index(word, position)
            position = start + len(word)
            links.append(Link(start, position, start, position))
        return links

    def bring_back(self, questions: Sequence[Phrases]) -> list[tuple[str | None, ...]]:
        return [question.phrases for question in questions]


def opened(name: str, *, labels: Sequence[str], language: str | None) -> Mirror:
    """In the place of `open_translator`: a chat model would be told the language."""
    assert (name, language) == ("mirror:es", "Spanish")
    return Mirror()


def tiny_recipe(folder: Path, encoder: Path, translate: str = TRANSLATE) -> Path:
    return write_recipe(folder, RECIPE.replace("ENCODER", str(encoder)) + translate)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, model_folder: Callable[[str], Path]) -> Path:
    folder = tmp_path_factory.mktemp("translated")
    recipe = tiny_recipe(folder, model_folder("bert"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("salin.experiments.translated.open_translator", opened)
        run_recipe(recipe, only=["direct", "translate"], results=folder / "results", runs=folder / "runs")
    return folder


@pytest.fixture(scope="module")
def standings(finished: Path) -> Standings:
    return Standings.read(finished / "tiny.toml", finished / "results")


def test_a_perfect_translation_into_the_same_words_changes_nothing(standings: Standings) -> None:
    for direct, translated in zip(standings.runs["es"]["direct"], standings.runs["es"]["translate"], strict=True):
        assert translated.micro == direct.micro
        assert translated.lenient is not None and translated.lenient == direct.lenient


def test_it_is_tested_against_the_tagger_that_it_uses_seed_by_seed(standings: Standings) -> None:
    versus = standings.compared["es"]["translate"].versus
    assert versus is not None and versus.paired
    assert versus.seeds == [1, 2]


def test_a_result_says_what_translating_took(standings: Standings) -> None:
    (record, _) = (result.translation for result in standings.runs["es"]["translate"])
    assert record is not None
    assert (record.translator, record.calls, record.lost) == ("mirror:es", 1, {})
    assert record.entities == sum(record.roads.values())
    assert record.gold == 4
    assert record.round_trips["linked"] == record.round_trips["copied"] == (4, 4)
    assert standings.runs["es"]["direct"][0].translation is None


def test_both_roads_together_are_a_row_of_their_own(standings: Standings) -> None:
    """Direct and translated agree here, so that together they say the same again."""
    together = standings.runs["es"]["translate+direct"]
    assert [result.micro for result in together] == [result.micro for result in standings.runs["es"]["direct"]]
    assert standings.gains["es"]["translate+direct"].versus is not None


def test_what_direct_transfer_was_sure_of_is_in_the_result(
    finished: Path, standings: Standings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The score that source dev has led to; infinity, where there is none, is no JSON."""
    translated = [cell for cell in standings.finished if cell.cell.startswith("translate")]
    assert [set(cell.sure) for cell in translated] == [{"translate+direct"}] * 2
    assert {cell.cell: cell.sure for cell in standings.finished if cell not in translated} == {
        "direct-tiny-1": {}, "direct-tiny-2": {},
    }  # fmt: skip
    path = finished / "results" / "tiny" / "translate-tiny-1.json"
    kept = path.read_text("utf-8")
    monkeypatch.setattr("salin.experiments.translated.open_translator", opened)
    for threshold, written in ((0.625, 0.625), (math.inf, None)):
        monkeypatch.setattr("salin.experiments.translated.sure_threshold", lambda *_, found=threshold: found)
        path.unlink()
        run_recipe(
            finished / "tiny.toml", only=["translate-tiny-1"], results=finished / "results", runs=finished / "runs"
        )
        assert json.loads(path.read_text("utf-8"))["sure"] == {"translate+direct": written}
    older = {name: value for name, value in json.loads(kept).items() if name != "sure"}
    path.write_text(json.dumps(older), encoding="utf-8")
    assert CellResult.load(path).sure == {}
    (cell,) = standings.experiment.chosen(["translate-tiny-1"])
    assert standings.experiment.finished(cell) is not None, "it stays finished"
    path.write_text(kept, encoding="utf-8")


def test_no_source_data_is_translated(standings: Standings) -> None:
    by_row = {row for cell in standings.finished for row in cell.dev}
    assert "direct" in by_row and "translate" not in by_row
    assert [row[0] for row in dev_table(standings).rows] == ["direct"]


def test_its_tables_say_both_scores_the_cost_and_what_came_back(standings: Standings) -> None:
    strict = {row[1]: row[3] for row in lenient_table(standings).rows}
    assert set(strict) == {"direct", "translate", "translate+direct"}
    assert strict["direct"] == f"{100 * standings.compared['es']['direct'].f1:.1f}"
    ((test, row, translator, seeds, calls, *_),) = translation_table(standings).rows
    assert (test, row, translator, seeds, calls) == ("es", "translate", "mirror:es", "2", "1")
    assert ("es", "translate", "linked", "4", "100.0", "100.0") in round_trip_table(standings).rows


def test_tokens_are_those_of_this_run_and_those_of_all(standings: Standings) -> None:
    """Of a run that was resumed, of one from an older cache, and of a result that is older than both."""
    results = standings.runs["es"]["translate"]
    chat = {"cached": 5, "prompt_tokens": 100, "completion_tokens": 10}
    kept = {"cached_prompt_tokens": 1000, "cached_completion_tokens": 90, "uncounted": 0}

    def shown(**fields: int | None) -> tuple[str, ...]:
        (first, *_) = results
        assert first.translation is not None
        record = first.translation.model_copy(update={**chat, **fields})
        runs = {"es": {"translate": [first.model_copy(update={"translation": record})]}}
        table = translation_table(replace(standings, runs=runs))
        return table.rows[0][table.columns.index("tokens") :][:2]

    assert shown(**kept) == ("110", "1,200")
    assert shown(**{**kept, "uncounted": 2}) == ("110", "≥ 1,200")
    older = dict.fromkeys(kept)
    assert shown(**older) == ("110", "≥ 110")
    assert shown(**older, cached=0) == ("110", "110")


def test_documents_can_show_them(finished: Path) -> None:
    page = finished / "page.md"
    kinds = ("lenient", "translation", "round-trips")
    page.write_text("".join(f"<!-- {kind}:tiny -->\n<!-- /{kind} -->\n" for kind in kinds), encoding="utf-8")
    assert fill_documents([page], finished, finished / "results") == (3, 0)
    assert "two scorers" in page.read_text(encoding="utf-8")


def test_another_translator_makes_its_results_stale_and_those_of_its_tagger_not(finished: Path) -> None:
    path = finished / "tiny.toml"
    before = {cell.name: Experiment(path).fingerprint(cell) for cell in Experiment(path).cells}
    other = finished / "other.toml"
    other.write_text(path.read_text(encoding="utf-8").replace("mirror:es", "mirror:xx"), encoding="utf-8")
    after = {cell.name: Experiment(other).fingerprint(cell) for cell in Experiment(other).cells}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"translate-tiny-1", "translate-tiny-2"}


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('es = "mirror:es"', 'fr = "mirror:es"', "a translator for each of its tests and no other: see 'es'"),
        ('method = "translate"', 'method = "trained"', "method 'translate' goes with a table `translate`"),
        ('trained_by = { system = "direct" }', "", "needs a table `trained_by`"),
        ("round_trips = true", "round_trip = true", "round_trips"),
        ("[systems.translate.translate]", "adapt = { x = {} }\n[systems.translate.translate]", "leave out `adapt`"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        Recipe.read(tiny_recipe(tmp_path, Path("encoder"), TRANSLATE.replace(old, new)))
