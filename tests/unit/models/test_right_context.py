"""A decoder that sees both sides: what is on a piece's right counts, padding does not, and transformers is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForTokenClassification

import salin
from salin.corpus import Sentence, load_open_corpus
from salin.errors import SettingError
from salin.models import Tagger
from salin.models.attention import training_attention

FIRST, OTHER = "Maria met Ajax in Lisbon .", "Maria met Ajax in Berlin ."


def decoder(folder: Path, *, right_context: bool) -> Tagger:
    torch.manual_seed(3)
    return Tagger.on_encoder(folder, ["LOC", "PER"], right_context=right_context)


def scores(tagger: Tagger, *texts: str) -> list[torch.Tensor]:
    return tagger.emissions([Sentence.from_tokens(text.split()) for text in texts])


@pytest.mark.parametrize("right_context", [False, True])
def test_a_word_sees_what_comes_later_or_does_not(model_folder: Callable[[str], Path], right_context: bool) -> None:
    one, other = scores(decoder(model_folder("llama"), right_context=right_context), FIRST, OTHER)
    assert torch.allclose(one[0], other[0], atol=1e-6) is not right_context


def test_padding_is_not_seen_in_either_implementation_of_attention(model_folder: Callable[[str], Path]) -> None:
    tagger = decoder(model_folder("llama"), right_context=True)
    (alone,) = scores(tagger, FIRST)
    beside, _ = scores(tagger, FIRST, " ".join([OTHER] * 3))
    assert torch.allclose(alone, beside, atol=1e-5)
    with training_attention(tagger.network.classifier, 128, "bf16"):
        plain, _ = scores(tagger, FIRST, " ".join([OTHER] * 3))
    assert torch.allclose(alone, plain, atol=1e-5)


def test_it_is_saved_and_transformers_does_not_take_it_for_a_causal_one(
    model_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    tagger = decoder(model_folder("llama"), right_context=True)
    tagger.save_pretrained(tmp_path / "tagger")
    again = Tagger.from_pretrained(tmp_path / "tagger")
    assert again.settings.right_context
    assert torch.equal(scores(tagger, FIRST)[0], scores(again, FIRST)[0])
    with pytest.raises(ValueError, match="salin-right-context"):
        AutoModelForTokenClassification.from_pretrained(tmp_path / "tagger")


def test_it_learns_and_adapts_like_any_other(model_folder: Callable[[str], Path]) -> None:
    source = load_open_corpus("en", "dev")[:12]
    torch.manual_seed(3)
    tagger = Tagger.on_encoder(model_folder("llama"), source.labels, right_context=True)
    loop = salin.LoopSettings(steps=2, learning_rate=1e-3)
    salin.train_direct(tagger, [source], source, salin.MethodSettings(loop=loop, batch=4))
    sentences = source.sentences[:6]
    kept, one_by_one = (
        salin.Adapter(tagger, source, engine=engine, rule="sgd", keep_dtype=torch.float32)
        for engine in ("batched", "sequential")
    )
    found, expected = ([s.spans() for s in one.tag_sentences(sentences)] for one in (kept, one_by_one))
    assert any(found) and found == expected


def test_what_sees_both_sides_already_refuses(model_folder: Callable[[str], Path]) -> None:
    with pytest.raises(SettingError, match="both sides already"):
        decoder(model_folder("bert"), right_context=True)
