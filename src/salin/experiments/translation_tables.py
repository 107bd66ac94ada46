"""Tables of what only translation has: the lenient score beside the strict one, what it took, and what came back."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from salin.evaluation.records import TranslationRecord
from salin.evaluation.report import ReportTable
from salin.evaluation.result import Result
from salin.experiments.standings import Standings


def lenient_table(standings: Standings) -> ReportTable:
    """The published lenient token F1 beside strict entity F1, for each test and row."""
    body: list[tuple[str, ...]] = []
    for test, row, runs in _runs(standings):
        both = [(result.micro.f1, lenient) for result in runs if (lenient := result.lenient) is not None]
        figures = [[100 * f for f in (f1, score.micro, score.macro, score.weighted)] for f1, score in both]
        if figures:
            body.append((test, row, *_means(figures, 1)))
    footer = (
        "Percent, mean over seeds. strict: micro-F1 of entities on all sentences, the number to quote. lenient: F1 of "
        "the labels of tokens on the sentences with a gold entity, as entity-aligned translation was published with; "
        f"it is higher for everybody. {standings.progress}",
    )
    columns = ("test", "system", "seeds", "strict", "lenient, micro", "macro", "weighted")
    return ReportTable(f"{standings.recipe.title}: two scorers", columns, tuple(body), footer, prose=(0, 1))


def translation_table(standings: Standings) -> ReportTable:
    """What translating took, and what became of the entities that were found in English."""
    body: list[tuple[str, ...]] = []
    for test, row, runs in _runs(standings):
        found = [result.translation for result in runs if result.translation is not None]
        if not found:
            continue
        took = [(t.calls, t.seconds, t.cached, t.prompt_tokens + t.completion_tokens) for t in found]
        became = [(t.entities, sum(t.roads.values()), sum(t.lost.values())) for t in found]
        cells = (*_means(took, 0), _tokens_in_all(found), *_means(became, 0)[1:])
        body.append((test, row, found[0].translator, *cells))
    footer = (
        "Mean over seeds. calls: requests, or runs of a program. seconds: waiting for the translator, without tagging. "
        "tokens: sent and received in these calls, of chat models; in all: with what answers from the cache took when "
        "they were asked for, at least (≥) where that is not known of all. entities: found in "
        "translations; back: of these, found in the original; lost: not, or where another stood. "
        f"{standings.progress}",
    )
    columns = (
        "test",
        "system",
        "translator",
        "seeds",
        "calls",
        "seconds",
        "cached",
        "tokens",
        "in all",
        "entities",
        "back",
        "lost",
    )
    return ReportTable(f"{standings.recipe.title}: what it took", columns, tuple(body), footer, prose=(0, 1, 2))


def round_trip_table(standings: Standings) -> ReportTable:
    """How many gold entities come back from English, and how many of them to where they stood."""
    body: list[tuple[str, ...]] = []
    for test, row, runs in _runs(standings):
        # Every seed has the same gold entities; what differs is the encoder that aligns.
        found = [t for result in runs if (t := result.translation) is not None and t.gold]
        for road in dict.fromkeys(road for t in found for road in t.round_trips):
            back = [100 * t.round_trips[road][0] / t.gold for t in found if t.gold]
            right = [100 * t.round_trips[road][1] / t.gold for t in found if t.gold]
            cells = (f"{found[0].gold:,}", f"{statistics.mean(back):.1f}", f"{statistics.mean(right):.1f}")
            body.append((test, row, road, *cells))
    footer = (
        "Gold entities whose words have a counterpart in the translation, brought back one road at a time. back: per "
        "cent that came back; right: to just the words where they stood. linked goes back the way it came, so that it "
        f"measures spans alone. No tagger takes part. {standings.progress}",
    )
    columns = ("test", "system", "road", "entities", "back", "right")
    return ReportTable(f"{standings.recipe.title}: alignment alone", columns, tuple(body), footer, prose=(0, 1, 2))


def _runs(standings: Standings) -> Iterator[tuple[str, str, Sequence[Result]]]:
    for test, by_row in standings.runs.items():
        for row in standings.rows:
            if by_row.get(row.name):
                yield test, row.name, by_row[row.name]


def _tokens_in_all(found: Sequence[TranslationRecord]) -> str:
    """The mean of what all answers took, whichever run asked for them."""
    tokens = [
        t.prompt_tokens + t.completion_tokens + (t.cached_prompt_tokens or 0) + (t.cached_completion_tokens or 0)
        for t in found
    ]
    # Results that are older say nothing of what their answers from the cache took.
    unknown = any(t.cached if t.uncounted is None else t.uncounted for t in found)
    return "≥ " * unknown + f"{statistics.mean(tokens):,.0f}"


def _means(figures: Sequence[Sequence[float]], digits: int) -> tuple[str, ...]:
    """How many runs there are, and the mean of each figure."""
    return str(len(figures)), *(f"{statistics.mean(column):,.{digits}f}" for column in zip(*figures, strict=True))
