"""The tagger: text in, entities out; saved and loaded without a change."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import pipeline

from salin.corpus import Sentence
from salin.encoding import Windower, collate
from salin.errors import DataError, ModelError, SettingError
from salin.models import Tagger, TaggerSettings
from salin.models.checksum import weights_checksum
from tiny_corpora import DEV, TRAIN, labelled

SENTENCES = [labelled(line) for line in (*TRAIN, *DEV)]
LONG = labelled(" ".join([*TRAIN, *TRAIN]))
LABELS = ["PER", "LOC", "ORG"]


def fresh(folder: Path, **options: object) -> Tagger:
    """A tagger with a random head so wide awake that it finds entities."""
    torch.manual_seed(5)
    made = Tagger.on_encoder(folder, LABELS, **options)
    with torch.no_grad():
        for name, parameter in made.network.named_parameters():
            if name.startswith(("crf", "classifier.classifier")):
                parameter.normal_(std=0.5)
    return made


@pytest.fixture(scope="module", params=["softmax", "crf", "free-crf"])
def tagger(request: pytest.FixtureRequest, model_folder: Callable[[str], Path]) -> Tagger:
    return fresh(model_folder("bert"), head=request.param, max_length=32)


@pytest.fixture(scope="module")
def saved(tagger: Tagger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / tagger.settings.head
    tagger.save_pretrained(folder)
    return folder


def test_a_saved_tagger_is_the_same_tagger(tagger: Tagger, saved: Path) -> None:
    again = Tagger.from_pretrained(saved)
    assert again.settings == tagger.settings
    assert weights_checksum(again.network) == weights_checksum(tagger.network)
    for before, after in zip(tagger.emissions([*SENTENCES, LONG]), again.emissions([*SENTENCES, LONG]), strict=True):
        assert torch.equal(before, after)
    assert list(again.tag_sentences(SENTENCES)) == list(tagger.tag_sentences(SENTENCES))


def test_half_precision_halves_the_file_and_keeps_the_tags(tagger: Tagger, saved: Path, tmp_path: Path) -> None:
    tagger.save_pretrained(tmp_path / "half", dtype=torch.float16)
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (saved, tmp_path / "half")]
    assert sizes[1] < 0.6 * sizes[0]
    again = Tagger.from_pretrained(tmp_path / "half")
    assert {parameter.dtype for parameter in again.network.parameters()} == {torch.float32}
    for before, after in zip(tagger.emissions(SENTENCES), again.emissions(SENTENCES), strict=True):
        assert torch.allclose(before, after, atol=0.05)


def test_a_folder_is_replaced_as_a_whole(tagger: Tagger, tmp_path: Path) -> None:
    tagger.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "left-over.json").write_text("{}")
    tagger.save_pretrained(tmp_path / "model")
    assert not (tmp_path / "model" / "left-over.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_nothing_is_left_of_a_save_that_fails(tagger: Tagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TaggerSettings, "save", full)
    with pytest.raises(DataError, match=r"model: cannot be written: No space left"):
        tagger.save_pretrained(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_transformers_loads_a_softmax_folder_without_salin(model_folder: Callable[[str], Path], tmp_path: Path) -> None:
    tagger = fresh(model_folder("bert"))
    tagger.save_pretrained(tmp_path / "model")
    ner = pipeline("token-classification", str(tmp_path / "model"))
    text = "Maria Sousa met Jan de Vries in Lisbon on Friday"
    found = ner(text, ignore_labels=[])
    sentence = Sentence.from_tokens(text.split())
    window = collate(Windower(tagger.tokenizer).windows([sentence]), tagger.tokenizer.pad_token_id)
    with torch.no_grad():
        logits = tagger.network(window.input_ids, window.attention_mask)[0]
        theirs = ner.model(**ner.tokenizer(text, return_tensors="pt")).logits[0]
    assert torch.allclose(theirs, logits, atol=1e-5)
    assert [item["entity"] for item in found] == [tagger.settings.tags[i] for i in logits[1:-1].argmax(1)]


def test_transformers_refuses_a_crf_folder(model_folder: Callable[[str], Path], tmp_path: Path) -> None:
    fresh(model_folder("bert"), head="crf").save_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match="salin-crf"):
        pipeline("token-classification", str(tmp_path / "model"))


def test_scalar_list_and_iterator_come_back_as_they_went_in(tagger: Tagger) -> None:
    text = "Maria Sousa met Jan in Lisbon."
    one = tagger.tag(text)
    assert isinstance(one, Sentence)
    assert tagger.tag([text, text]) == [one, one]
    assert tagger.tag([]) == []
    stream = tagger.tag(iter([text, text]))
    assert isinstance(stream, Iterator)
    assert list(stream) == [one, one]
    assert tagger.tag(SENTENCES[0]) == next(tagger.tag_sentences([SENTENCES[0]]))


def test_an_iterator_is_read_as_it_is_needed(tagger: Tagger) -> None:
    read = 0

    def texts() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "Jan won."

    stream = tagger.tag(texts())
    assert read == 0
    next(stream)
    assert 0 < read < 2000


@given(
    st.lists(st.text(st.characters() | st.sampled_from("aJ .\n中\u200b\u0301👩\u200d🚀שלום"), max_size=80), max_size=4)
)
def test_any_text_comes_back_with_exact_offsets(tagger_for_any_text: Tagger, texts: list[str]) -> None:
    tagged = tagger_for_any_text.tag(texts)
    assert [sentence.text for sentence in tagged] == texts
    for sentence in tagged:
        end = 0
        for entity in sentence.entities:
            assert end <= entity.start < entity.end <= len(sentence.text)
            assert entity.text == sentence.text[entity.start : entity.end]
            assert entity.label in LABELS
            assert 0 <= entity.score <= 1
            end = entity.end
        sentence.spans()  # entities begin and end with words


@pytest.fixture(scope="module")
def tagger_for_any_text(model_folder: Callable[[str], Path]) -> Tagger:
    return fresh(model_folder("bert"), max_length=16)


def test_tags_do_not_depend_on_what_is_tagged_beside(tagger: Tagger) -> None:
    block = [*SENTENCES, LONG, Sentence("", ())]
    together = list(tagger.tag_sentences(block))
    alone = [next(tagger.tag_sentences([sentence])) for sentence in block]
    backwards = list(tagger.tag_sentences(block[::-1]))[::-1]
    repeated = list(tagger.tag_sentences(block * 3))[-len(block) :]
    assert any(sentence.entities for sentence in together)
    for other in (alone, backwards, repeated):
        assert [s.spans() for s in other] == [s.spans() for s in together]
        for a, b in zip(other, together, strict=True):
            assert [e.score for e in a.entities] == pytest.approx([e.score for e in b.entities], abs=1e-5)


def test_sentences_without_words_come_back_as_they_are(tagger: Tagger) -> None:
    nothing = [Sentence(text, ()) for text in ("", "  ", "\n")]
    assert list(tagger.tag_sentences(nothing)) == nothing
    assert [scores.shape for scores in tagger.emissions(nothing)] == [(0, len(tagger.settings.tags))] * 3
    assert tagger.tag("") == Sentence("", ())
    assert tagger.tag([]) == []


def test_a_long_sentence_is_tagged_whole(tagger: Tagger) -> None:
    assert len(tagger.windower.windows([LONG])) > 3
    (scores,) = tagger.emissions([LONG])
    assert scores.shape == (len(LONG.words), len(tagger.settings.tags))
    assert (scores.abs().sum(1) > 0).all()


def test_a_long_sentence_can_be_refused(saved: Path) -> None:
    careful = Tagger.from_pretrained(saved, on_overflow="error")
    assert len(list(careful.tag_sentences(SENTENCES[:1]))) == 1
    with pytest.raises(SettingError, match="do not fit a window"):
        list(careful.tag_sentences([LONG]))


def test_windows_make_no_difference_to_a_sentence_that_fits(model_folder: Callable[[str], Path]) -> None:
    wide, narrow = (fresh(model_folder("bert"), max_length=length) for length in (60, 24))
    short = [s for s in SENTENCES if len(wide.windower.windows([s])[0]) <= 24]
    assert len(short) > 3
    for a, b in zip(wide.emissions(short), narrow.emissions(short), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_old_entities_are_replaced(tagger: Tagger) -> None:
    bare = [Sentence(s.text, s.words) for s in SENTENCES]
    assert list(tagger.tag_sentences(SENTENCES)) == list(tagger.tag_sentences(bare))


def test_temperature_changes_scores_alone(model_folder: Callable[[str], Path]) -> None:
    tagger = fresh(model_folder("bert"))
    sharp = Tagger(tagger.network, tagger.tokenizer, tagger.settings.model_copy(update={"temperature": 0.5}))
    before, after = list(tagger.tag_sentences(SENTENCES)), list(sharp.tag_sentences(SENTENCES))
    assert [s.spans() for s in before] == [s.spans() for s in after]
    scores = [[e.score for s in tagged for e in s.entities] for tagged in (before, after)]
    assert scores[0] != scores[1]


def test_crf_transitions_decide(model_folder: Callable[[str], Path]) -> None:
    tagger = fresh(model_folder("bert"), head="crf")
    person = tagger.settings.tags.index("B-PER")
    with torch.no_grad():
        tagger.network.crf.start.zero_()
        tagger.network.crf.start[person] = 1000.0
    for sentence in tagger.tag_sentences(SENTENCES):
        assert sentence.entities[0].start == 0
        assert sentence.entities[0].label == "PER"


def test_a_free_crf_may_begin_an_entity_with_i(model_folder: Callable[[str], Path], tmp_path: Path) -> None:
    """And means that when it was saved, too; with the same transitions a CRF that is not free has no such entity."""
    tagger = fresh(model_folder("bert"), head="free-crf")
    outside, inside = (tagger.settings.tags.index(tag) for tag in ("O", "I-PER"))
    with torch.no_grad():
        tagger.network.crf.start[inside], tagger.network.crf.start[outside] = 2000.0, 1000.0
        tagger.network.crf.between[:, outside] = 1000.0
    folder = tmp_path / "free"
    tagger.save_pretrained(folder)
    for sentence in Tagger.from_pretrained(folder).tag_sentences(SENTENCES):
        assert sentence.spans() == [(0, 1, "PER")]
    settings = (folder / "salin.json").read_text("utf-8")
    (folder / "salin.json").write_text(settings.replace("free-crf", "crf"), encoding="utf-8")
    for sentence in Tagger.from_pretrained(folder).tag_sentences(SENTENCES):
        assert sentence.spans() == []


def test_the_head_is_drawn_from_torchs_seed(model_folder: Callable[[str], Path], tmp_path: Path) -> None:
    def head(source: Path, seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return Tagger.on_encoder(source, LABELS).network.classifier.classifier.weight

    encoder = model_folder("bert")
    assert torch.equal(head(encoder, 1), head(encoder, 1))
    assert not torch.equal(head(encoder, 1), head(encoder, 2))
    trained = fresh(encoder)
    trained.save_pretrained(tmp_path / "trained")
    # A tagger is an encoder too, and its head is not taken over, whatever its size.
    old = trained.network.classifier.classifier.weight
    assert not torch.equal(head(tmp_path / "trained", 1), old)
    other = Tagger.on_encoder(tmp_path / "trained", ["PER"])
    assert other.settings.tags == ("O", "B-PER", "I-PER")
    before, after = (t.network.classifier.bert.state_dict() for t in (trained, other))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_windows_never_exceed_the_positions_of_an_encoder(model_folder: Callable[[str], Path]) -> None:
    lengths = {
        architecture: Tagger.on_encoder(model_folder(architecture), LABELS, max_length=512).settings.max_length
        for architecture in ("bert", "xlm-roberta", "llama")
    }
    assert lengths == {"bert": 64, "xlm-roberta": 69, "llama": 64}
    tagger = Tagger.on_encoder(model_folder("xlm-roberta"), LABELS, max_length=512)
    tagger.emissions([LONG])


def spoilt(saved: Path, tmp_path: Path, **changes: object) -> Path:
    folder = Path(shutil.copytree(saved, tmp_path / "spoilt"))
    path = folder / "salin.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ["PER"]}, "salin.json has 1 labels .3 tags., config.json has 7 tags"),
        ({"labels": []}, "labels"),
        ({"head": "magic"}, "head"),
        ({"format": 2}, "format"),
        ({"no_such_setting": 1}, r"salin\.json: there is no setting 'no_such_setting'$"),
        ({"temprature": 1}, r"salin\.json: there is no setting 'temprature'; did you mean 'temperature'\?$"),
        ({"max_length": 512}, "max_length is 512, but the encoder has 64 positions"),
        ({"labels": ["PER", "LOC", "ORG"]}, r"tag 1 is B-PER in salin\.json, B-LOC in config\.json"),
        ({"temperature": 0}, "temperature"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    saved: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        Tagger.from_pretrained(spoilt(saved, tmp_path, **changes))


def test_what_is_no_tagger_is_refused(model_folder: Callable[[str], Path], saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no salin\.json, so this is no salin tagger"):
        Tagger.from_pretrained(model_folder("bert"))
    folder = spoilt(saved, tmp_path)
    (folder / "salin.json").write_text("{")
    with pytest.raises(ModelError, match=r"salin\.json"):
        Tagger.from_pretrained(folder)


@pytest.mark.parametrize("content", [None, b"", b"\x00" * 100])
def test_damaged_transitions_are_refused(
    model_folder: Callable[[str], Path], tmp_path: Path, content: bytes | None
) -> None:
    fresh(model_folder("bert"), head="crf").save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / "crf.safetensors"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ModelError, match=r"crf\.safetensors"):
        Tagger.from_pretrained(tmp_path / "model")


def test_an_encoder_with_a_tagger_s_settings_is_no_tagger(saved: Path, tmp_path: Path) -> None:
    """Weights without a head must not be tagged with as if it had been trained."""
    folder = spoilt(saved, tmp_path)
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {k: v for k, v in tensors.items() if k.startswith("bert")}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(ModelError, match=r"its weights lack classifier\.bias, classifier\.weight"):
        Tagger.from_pretrained(folder)


def test_bf16_finds_nearly_the_same(model_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    tagger = fresh(model_folder("bert"))
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    rounded = Tagger(tagger.network, tagger.tokenizer, tagger.settings, precision="bf16")
    exact, near = torch.cat(tagger.emissions(SENTENCES)), torch.cat(rounded.emissions(SENTENCES))
    assert near.dtype == torch.float32
    assert not torch.equal(exact, near)
    assert torch.allclose(exact, near, atol=0.1)
    assert torch.equal(torch.cat(tagger.emissions(SENTENCES)), exact), "the weights themselves are not rounded"


def test_a_precision_that_cannot_be_had_is_refused(
    model_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = fresh(model_folder("bert"))
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.raises(SettingError, match="does not compute in bf16"):
        Tagger(tagger.network, tagger.tokenizer, tagger.settings, precision="bf16")
    with pytest.raises(SettingError, match="it can be fp32 or bf16"):
        Tagger(tagger.network, tagger.tokenizer, tagger.settings, precision="fp8")
