"""Strict F1 by hand, and against two oracles: conlleval's rules written afresh, and seqeval."""

from __future__ import annotations

import warnings
from itertools import product

import pytest
import seqeval.metrics
import seqeval.scheme
from hypothesis import assume, given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from salin.corpus import Sentence, Span, spans_to_tags
from salin.errors import DataError
from salin.evaluation import Counts, entity_texts, score

LABELS = ("LOC", "PER", "X-Y")
TAGS = ("O", *(f"{letter}-{label}" for letter in "BI" for label in LABELS))
tags_of = st.lists(st.sampled_from(TAGS), min_size=1, max_size=8)
pair_of_tags = tags_of.flatmap(
    lambda gold: st.tuples(st.just(gold), st.lists(st.sampled_from(TAGS), min_size=len(gold), max_size=len(gold)))
)
corpora = st.lists(pair_of_tags, min_size=1, max_size=6)


@st.composite
def legal_spans(draw: st.DrawFn) -> tuple[int, list[Span]]:
    """A sentence length and spans that fit it."""
    position, spans = 0, []
    for gap, length, label in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(LABELS)), max_size=4)
    ):
        spans.append(Span(position + gap, position + gap + length, label))
        position += gap + length
    return max(position, 1) + draw(st.integers(0, 2)), spans


def sentences(all_tags: list[list[str]]) -> list[Sentence]:
    """Sentences of numbered words."""
    return [Sentence.from_tokens([f"w{i}" for i in range(len(tags))], tags) for tags in all_tags]


def conlleval_counts(gold: list[list[str]], predicted: list[list[str]]) -> dict[str, tuple[int, int, int]]:
    """(correct, guessed, in gold) a type, token by token, after the documented rules of conlleval.

    A chunk starts at B, and at an I that follows O or another type; it goes on while I of the same type follows; a
    chunk is correct when both sides start it and end it at the same words with the same type. Behind each sentence
    stands O.
    """
    counts: dict[str, list[int]] = {}
    pairs = [pair for g, p in zip(gold, predicted, strict=True) for pair in (*zip(g, p, strict=True), ("O", "O"))]
    before = ("O", "O")
    running: str | None = None
    for pair in pairs:
        kinds = [tag.split("-", 1)[1] if tag != "O" else "" for tag in pair]
        old_kinds = [tag.split("-", 1)[1] if tag != "O" else "" for tag in before]
        starts = [
            tag != "O" and (tag[0] == "B" or old == "O" or kind != old_kind)
            for tag, old, kind, old_kind in zip(pair, before, kinds, old_kinds, strict=True)
        ]
        ends = [
            old != "O" and (tag == "O" or tag[0] == "B" or kind != old_kind)
            for tag, old, kind, old_kind in zip(pair, before, kinds, old_kinds, strict=True)
        ]
        if running is not None and any(ends):
            if all(ends):
                counts[running][0] += 1
            running = None
        for side, column in ((1, 1), (0, 2)):
            if starts[side]:
                counts.setdefault(kinds[side], [0, 0, 0])[column] += 1
        if all(starts) and kinds[0] == kinds[1]:
            running = kinds[0]
        before = pair
    return {kind: (c[0], c[1], c[2]) for kind, c in counts.items()}


def seqeval_f1(gold: list[list[str]], predicted: list[list[str]], **options: object) -> float:
    """seqeval's F1 without its warnings on empty classes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(seqeval.metrics.f1_score(gold, predicted, **options))


class TestByHand:
    def test_start_end_and_label_must_agree(self) -> None:
        gold = sentences([["B-PER", "I-PER", "O", "B-LOC"], ["O", "O"], ["B-LOC", "O"]])
        guess = sentences([["B-PER", "I-PER", "O", "B-PER"], ["O", "B-LOC"], ["O", "O"]])
        result = score(gold, guess)
        assert result.micro == Counts(tp=1, fp=2, fn=2)
        assert result.by_type == {"LOC": Counts(0, 1, 2), "PER": Counts(1, 1, 0)}
        assert result.spans == Counts(tp=2, fp=1, fn=1)
        assert result.f1 == pytest.approx(1 / 3)
        assert result.macro_f1 == pytest.approx((0 + 2 / 3) / 2)
        assert result.micro.support == 3

    def test_sentences_without_gold_entities_count(self) -> None:
        result = score(sentences([["O", "O"]]), sentences([["B-LOC", "O"]]))
        assert result.micro == Counts(0, 1, 0)

    def test_ratios_without_a_denominator_are_zero(self) -> None:
        counts = score(sentences([["O"]]), sentences([["O"]])).micro
        assert (counts.precision, counts.recall, counts.f1) == (0, 0, 0)

    def test_a_label_that_gold_does_not_have_is_a_false_positive_unless_labels_restrict(self) -> None:
        gold, guess = sentences([["B-PER", "O"]]), sentences([["B-PER", "B-MISC"]])
        assert score(gold, guess).micro == Counts(1, 1, 0)
        restricted = score(gold, guess, labels={"PER", "LOC"})
        assert restricted.micro == Counts(1, 0, 0)
        assert restricted.restricted

    def test_seen_and_unseen_split_by_text_with_case(self) -> None:
        source = [Sentence.from_tokens(["Ana", "ran"], ["B-PER", "O"])]
        gold = [Sentence.from_tokens(["Ana", "ANA", "Cebu"], ["B-PER", "B-PER", "B-LOC"])]
        guess = [Sentence.from_tokens(["Ana", "ANA", "Cebu"], ["B-PER", "O", "B-PER"])]
        result = score(gold, guess, source_entities=entity_texts(source))
        assert result.seen == Counts(1, 0, 0)
        assert result.unseen == Counts(0, 1, 2)

    def test_the_table_keeps_one_row_a_sentence(self) -> None:
        table = score(sentences([["B-PER"], ["B-LOC"]]), sentences([["B-LOC"], ["B-LOC"]])).table
        assert table.overall.tolist() == [[0, 1, 1], [1, 1, 1]]
        assert table.of("LOC").tolist() == [[0, 1, 0], [1, 1, 1]]
        assert table.of("MISC").tolist() == [[0, 0, 0], [0, 0, 0]]
        assert table.spans.tolist() == [[1, 1, 1], [1, 1, 1]]

    def test_other_texts_are_refused_and_named(self) -> None:
        with pytest.raises(DataError, match=r"sentence 2 \(here:7\).*'c' instead of 'b'"):
            score(
                [Sentence.from_tokens(["a"]), Sentence.from_tokens(["b"], origin="here:7")],
                [Sentence.from_tokens(["a"]), Sentence.from_tokens(["c"])],
            )
        with pytest.raises(DataError, match="2 gold sentences but 1 predicted"):
            score([Sentence.from_tokens(["a"])] * 2, [Sentence.from_tokens(["a"])])


class TestAgainstConlleval:
    @given(corpora)
    def test_counts_are_equal_on_any_tags(self, corpus: list[tuple[list[str], list[str]]]) -> None:
        gold, guess = [g for g, _ in corpus], [p for _, p in corpus]
        result = score(sentences(gold), sentences(guess))
        expected = conlleval_counts(gold, guess)
        assert {k: (c.tp, c.tp + c.fp, c.support) for k, c in result.by_type.items()} == expected


class TestAgainstSeqeval:
    def test_default_mode_reads_every_iob_sequence_as_we_do(self) -> None:
        # All 5,461 sequences of up to six tags over one label and a second: legal or not, the chunks are the same. What
        # seqeval's default mode reads differently is nothing that `Sentence.from_tokens` takes as IOB2: a bare "B"
        # or "I" (its label becomes "_"), and L and U of BILOU (adjacent U of one label are joined).
        letters = ("O", "B-A", "I-A", "I-B")
        for length in range(1, 7):
            for tags in product(letters, repeat=length):
                [sentence] = sentences([list(tags)])
                assert [(s.label, s.start, s.end - 1) for s in sentence.spans()] == get_entities(list(tags))

    @given(corpora)
    def test_default_mode_agrees_on_any_tags(self, corpus: list[tuple[list[str], list[str]]]) -> None:
        gold, guess = [g for g, _ in corpus], [p for _, p in corpus]
        result = score(sentences(gold), sentences(guess))
        assert result.f1 == pytest.approx(seqeval_f1(gold, guess))
        assert result.macro_f1 == pytest.approx(seqeval_f1(gold, guess, average="macro") if result.by_type else 0)

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            ("IOB1", "IOB1"),
            ("IOB2", "IOB2"),
            ("IOE1", "IOE1"),
            ("IOE2", "IOE2"),
            ("BIOES", "IOBES"),
            ("BILOU", "BILOU"),
        ],
    )
    @given(st.lists(st.tuples(legal_spans(), st.randoms(use_true_random=False)), min_size=1, max_size=4))
    def test_strict_mode_agrees_on_legal_tags_of_every_scheme(
        self, ours: str, theirs: str, corpus: list[tuple[tuple[int, list[Span]], object]]
    ) -> None:
        gold_tags, guess_tags, gold, guess = [], [], [], []
        for (length, spans), random in corpus:
            changed = [s._replace(label=random.choice(LABELS)) for s in spans if random.random() < 0.8]
            blank = Sentence.from_tokens([f"w{i}" for i in range(length)])
            for all_tags, all_sentences, chosen in ((gold_tags, gold, spans), (guess_tags, guess, changed)):
                all_tags.append(spans_to_tags(chosen, length, ours))
                all_sentences.append(blank.with_spans(chosen))
        # seqeval's own source notes that its IOE1 misses cases: a one-word entity that must end in E (since one of the
        # same label follows) is no entity to it.
        marked = [(row, i) for row in (*gold_tags, *guess_tags) for i, tag in enumerate(row) if tag[0] == "E"]
        assume(ours != "IOE1" or all(i > 0 and row[i - 1] == f"I{row[i][1:]}" for row, i in marked))
        strict = seqeval_f1(gold_tags, guess_tags, mode="strict", scheme=getattr(seqeval.scheme, theirs))
        assert score(gold, guess).f1 == pytest.approx(strict)

    def test_strict_mode_differs_on_illegal_tags_only(self) -> None:
        # Strict IOB2 knows no entity without a B: it drops "I-PER I-PER", which conlleval and we count as a hit.
        gold, guess = [["B-PER", "I-PER"]], [["I-PER", "I-PER"]]
        assert score(sentences(gold), sentences(guess)).f1 == 1
        assert seqeval_f1(gold, guess) == 1
        assert seqeval_f1(gold, guess, mode="strict", scheme=seqeval.scheme.IOB2) == 0


class TestProperties:
    @given(corpora)
    def test_swapping_gold_and_prediction_swaps_precision_and_recall(
        self, corpus: list[tuple[list[str], list[str]]]
    ) -> None:
        gold, guess = sentences([g for g, _ in corpus]), sentences([p for _, p in corpus])
        there, back = score(gold, guess).micro, score(guess, gold).micro
        assert (there.precision, there.recall, there.f1) == (back.recall, back.precision, back.f1)

    @given(corpora)
    def test_parts_sum_to_the_whole(self, corpus: list[tuple[list[str], list[str]]]) -> None:
        gold, guess = sentences([g for g, _ in corpus]), sentences([p for _, p in corpus])
        result = score(gold, guess, source_entities={"w0", "w1 w2"})
        assert result.seen is not None
        assert result.unseen is not None
        for parts in (list(result.by_type.values()), [result.seen, result.unseen]):
            assert sum(c.tp for c in parts) == result.micro.tp
            assert sum(c.fp for c in parts) == result.micro.fp
            assert sum(c.fn for c in parts) == result.micro.fn
        assert result.spans.tp >= result.micro.tp
        assert score(gold, gold).micro.fp == score(gold, gold).micro.fn == 0
