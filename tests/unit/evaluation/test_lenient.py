"""The published lenient score beside the strict one: what each of them sees and does not see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from salin.corpus import Corpus, Sentence
from salin.evaluation import evaluate, lenient_score, result_table, score
from salin.evaluation.evaluate import score_predictions
from salin.evaluation.signature import Signature


def tagged(*lines: str) -> list[Sentence]:
    """Sentences written as `Ana/B-PER vino/O`."""
    split = [[word.rpartition("/") for word in line.split()] for line in lines]
    return [Sentence.from_tokens([w for w, _, _ in words], [t for _, _, t in words]) for words in split]


GOLD = tagged("Ana/B-PER Ruiz/I-PER vino/O a/O Lima/B-LOC", "nada/O más/O", "EFE/B-ORG dice/O")


def test_what_is_right_is_right_in_both() -> None:
    assert lenient_score(GOLD, GOLD).micro == score(GOLD, GOLD).f1 == 1.0


def test_a_part_of_an_entity_counts_for_its_part() -> None:
    """Gold has PER twice, LOC and ORG once each. Predicted: one token of PER, ORG as LOC, nothing else."""
    guess = tagged("Ana/B-PER Ruiz/O vino/O a/O Lima/O", "nada/O más/O", "EFE/B-LOC dice/O")
    found = lenient_score(GOLD, guess)
    assert {label: (c.tp, c.fp, c.fn) for label, c in found.by_type.items()} == {
        "LOC": (0, 1, 1), "ORG": (0, 0, 1), "PER": (1, 0, 1),
    }  # fmt: skip
    assert found.micro == pytest.approx(2 * 1 / (2 * 1 + 1 + 3))
    assert found.macro == pytest.approx((0 + 0 + 2 / 3) / 3)
    assert found.weighted == pytest.approx((2 * 2 / 3) / 4)
    assert score(GOLD, guess).f1 == 0


def test_what_is_invented_in_a_sentence_without_entities_is_free() -> None:
    guess = [GOLD[0], *tagged("nada/B-PER más/B-ORG"), GOLD[2]]
    found = lenient_score(GOLD, guess)
    assert (found.micro, found.sentences) == (1.0, 2)
    assert score(GOLD, guess).micro.fp == 2


def test_an_entity_is_a_text_and_no_place() -> None:
    gold, guess = tagged("Ana/B-PER ve/O a/O Ana/O"), tagged("Ana/O ve/O a/O Ana/B-PER")
    assert lenient_score(gold, guess).micro == 1.0
    assert score(gold, guess).f1 == 0.0


def test_a_second_mention_takes_the_next_free_place() -> None:
    twice, once = tagged("Ana/B-PER ve/O a/O Ana/B-PER"), tagged("Ana/B-PER ve/O a/O Ana/O")
    assert lenient_score(twice, twice).micro == 1.0
    assert lenient_score(twice, once).by_type["PER"].fn == 1


def test_chinese_is_counted_by_character_however_it_is_cut_into_words() -> None:
    gold = [Sentence.from_tokens(["北京市", "在", "IBM"], ["B-LOC", "O", "B-ORG"], glue="")]
    guess = [Sentence.from_tokens(["北京", "市", "在", "IBM"], ["B-LOC", "O", "O", "B-ORG"], glue="")]
    found = lenient_score(gold, [replace(gold[0], entities=guess[0].entities)])
    assert (found.by_type["LOC"].tp, found.by_type["LOC"].fn, found.by_type["ORG"].tp) == (2, 1, 1)


def test_only_the_labels_asked_for_count() -> None:
    found = lenient_score(GOLD, GOLD, labels=["LOC", "DATE"])
    assert list(found.by_type) == ["DATE", "LOC"]
    assert (found.sentences, found.macro, found.weighted) == (1, 0.5, 1.0)


def test_nothing_gives_nothing() -> None:
    found = lenient_score([], [])
    assert (found.micro, found.macro, found.weighted) == (0.0, 0.0, 0.0)


def test_a_result_has_it_when_it_was_asked_for_with_a_signature_of_its_own() -> None:
    corpus = Corpus(tuple(GOLD), name="gold")
    plain = score_predictions(corpus, GOLD, system="x")
    assert plain.lenient is None
    both = score_predictions(corpus, GOLD, system="x", lenient=True)
    assert both.lenient is not None and both.lenient.micro == 1.0
    assert both.lenient.signature == f"{both.signature}|scorer:lenient-tokens"
    assert Signature.parse(both.lenient.signature) == Signature.parse(both.signature)
    assert "lenient token F1 100.00" in result_table(both).markdown()
    assert "lenient" not in result_table(plain).markdown()


def test_a_tagger_is_evaluated_both_ways() -> None:
    class Knows:
        labels = ("PER",)

        def tag_sentences(self, sentences):
            yield from GOLD

    result = evaluate(Knows(), Corpus(tuple(GOLD)), lenient=True)
    assert result.lenient is not None and result.lenient.micro == result.micro.f1 == 1.0
