"""The byte-level BiLSTM-CRF: the same as one word after another, each different word read once, an ordinary tagger."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import AutoModelForTokenClassification, pipeline

from salin.adaptation.adapter import Adapter
from salin.corpus import Sentence
from salin.encoding import ByteWindower, collate
from salin.encoding.bytes import BOUNDARY, HIDDEN
from salin.errors import ModelError, SettingError
from salin.models import Tagger
from salin.models.byte_config import named_config
from salin.models.checksum import weights_checksum
from salin.models.export import export_onnx
from salin.models.loading import load_encoder
from salin.training.direct import train_direct
from salin.training.finetune import finetune
from salin.training.loop import LoopSettings
from salin.training.meta import MetaSettings, train_meta
from salin.training.methods import MethodSettings
from tiny_corpora import DEV, TRAIN, corpus, labelled

TINY = {
    "byte-bilstm": "byte-bilstm:byte_embedding=6,byte_hidden=5,word_hidden=7,longest_word=9",
    "charner": "charner:byte_embedding=6,byte_hidden=5,byte_layers=2",
}
SENTENCES = [labelled(line) for line in (*TRAIN, *DEV)]
STRANGE = ["北京", "Ñandú", ""], ["Llanfairpwllgwyngyll"], ["a"], ["\ud800 b"]
OTHERS = [Sentence.from_tokens(words) for words in STRANGE]


def fresh(name: str, **options: object) -> Tagger:
    """A tiny one with weights so wide awake that it finds entities."""
    torch.manual_seed(5)
    made = Tagger.on_encoder(TINY[name], ["PER", "LOC", "ORG"], **options)
    with torch.no_grad():
        for parameter in made.network.parameters():
            parameter.normal_(std=0.7)
    return made


@pytest.fixture(params=TINY)
def tagger(request: pytest.FixtureRequest) -> Tagger:
    return fresh(request.param)


@pytest.fixture(scope="module")
def bilstm() -> Tagger:
    return fresh("byte-bilstm")


def slow_logits(tagger: Tagger, sentence: Sentence) -> Tensor:
    """One word after another, one sentence by itself, by torch's own LSTM as it comes. `[words, tags]`."""
    classifier = tagger.network.classifier
    words = []
    for token in sentence.tokens:
        shown = list(token.encode("utf-8", "surrogatepass")[:9]) or [HIDDEN]
        _, (states, _) = classifier.bytes.byte_lstm(classifier.bytes.embedding(torch.tensor([shown])))
        words.append(torch.cat([states[0, 0], states[1, 0], states[2, 0], states[3, 0]]))
    outputs, _ = classifier.bytes.word_lstm(torch.stack(words)[None])
    return classifier.output(outputs[0])


@torch.no_grad()
def test_logits_are_those_of_one_word_after_another(bilstm: Tagger) -> None:
    sentences = [*SENTENCES, *OTHERS]
    for found, sentence in zip(bilstm.emissions(sentences), sentences, strict=True):
        assert torch.allclose(found, slow_logits(bilstm, sentence), rtol=0, atol=1e-6)


def test_what_stands_beside_a_sentence_changes_nothing(tagger: Tagger) -> None:
    together = tagger.emissions([*SENTENCES, *OTHERS])
    for sentence, found in zip([*SENTENCES, *OTHERS], together, strict=True):
        (alone,) = tagger.emissions([sentence])
        # CharNER's are sums over the bytes of a word.
        assert torch.allclose(found, alone, rtol=1e-6, atol=1e-6)


def test_each_different_word_is_read_once(bilstm: Tagger) -> None:
    read: list[int] = []
    handle = bilstm.network.classifier.bytes.embedding.register_forward_hook(
        lambda module, inputs, output: read.append(inputs[0].numel())
    )
    try:
        bilstm.emissions(SENTENCES)
    finally:
        handle.remove()
    words = {token.encode()[:9] for sentence in SENTENCES for token in sentence.tokens}
    assert read == [sum(map(len, words))]


def test_a_sentence_of_any_length_is_read_as_a_whole(tagger: Tagger) -> None:
    long = Sentence.from_tokens([token for sentence in SENTENCES * 20 for token in sentence.tokens])
    changed = Sentence.from_tokens([*long.tokens[:-1], "Jan"])
    first, other = tagger.emissions([long, changed])
    assert len(first) == len(long.words) > 1000
    assert not torch.equal(first[-2], other[-2])
    (tagged,) = tagger.tag([long])
    assert tagged.words == long.words


def test_sentences_without_words_are_tagged_too(tagger: Tagger) -> None:
    nothing = Sentence(" ", ())
    assert list(tagger.tag_sentences([nothing])) == [nothing]
    assert [s.words for s in tagger.tag_sentences([SENTENCES[0], nothing])] == [SENTENCES[0].words, ()]
    batch = collate([], BOUNDARY)
    scores = batch.at_words(tagger.network(batch.input_ids, batch.attention_mask))
    assert scores.shape == (0, 7)
    scores.sum().backward()


@given(st.lists(st.lists(st.text(min_size=1, max_size=12), max_size=5), max_size=4))
def test_any_text_is_tagged(tokens: list[list[str]]) -> None:
    sentences = [Sentence.from_tokens(words) for words in tokens]
    for name in TINY:
        for given_, tagged in zip(sentences, fresh(name).tag_sentences(sentences), strict=True):
            assert (tagged.text, tagged.words) == (given_.text, given_.words)


@pytest.mark.parametrize(("name", "head"), [("byte-bilstm", "crf"), ("byte-bilstm", "free-crf"),
                                              ("byte-bilstm", "softmax"), ("charner", "softmax")])  # fmt: skip
def test_a_saved_tagger_is_the_same_tagger(name: str, head: str, tmp_path: Path) -> None:
    tagger = fresh(name, head=head)
    tagger.save_pretrained(tmp_path / "saved")
    again = Tagger.from_pretrained(tmp_path / "saved")
    assert again.settings == tagger.settings
    assert again.tokenizer == tagger.tokenizer
    assert weights_checksum(again.network) == weights_checksum(tagger.network)
    tagged = list(tagger.tag_sentences(SENTENCES))
    assert list(again.tag_sentences(SENTENCES)) == tagged
    assert any(sentence.entities for sentence in tagged)


def test_the_head_is_the_published_one_unless_another_is_asked_for(tmp_path: Path) -> None:
    assert fresh("byte-bilstm").network.crf is not None
    assert fresh("byte-bilstm", head="softmax").network.crf is None
    assert fresh("charner").settings.head == "softmax"
    for head in ("crf", "free-crf"):
        with pytest.raises(SettingError, match="no place for a CRF"):
            fresh("charner", head=head)


@pytest.mark.parametrize("name", TINY)
def test_transformers_stops_at_its_folder(name: str, tmp_path: Path) -> None:
    fresh(name).save_pretrained(tmp_path / "saved")
    for use in (lambda folder: pipeline("ner", model=folder), AutoModelForTokenClassification.from_pretrained):
        with pytest.raises(ValueError, match="salin-"):
            use(str(tmp_path / "saved"))


def test_keys_that_no_config_has_are_dropped_and_sizes_that_no_network_has_are_refused(
    bilstm: Tagger, tmp_path: Path
) -> None:
    bilstm.save_pretrained(tmp_path / "saved")
    path = tmp_path / "saved" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(config | {"auto_map": {"AutoModel": "evil.Model"}, "payload": 1}), "utf-8")
    loaded = Tagger.from_pretrained(tmp_path / "saved").network.classifier.config
    assert not hasattr(loaded, "payload")
    assert not hasattr(loaded, "auto_map")
    for wrong in ({"byte_hidden": -1}, {"dropout": 1.5}, {"longest_word": "all"}):
        path.write_text(json.dumps(config | wrong), "utf-8")
        with pytest.raises(ModelError, match=next(iter(wrong))):
            Tagger.from_pretrained(tmp_path / "saved")


def test_published_sizes() -> None:
    """SPECS 3.3."""
    config = named_config("byte-bilstm")
    with torch.device("meta"):
        classifier = Tagger.on_encoder("byte-bilstm", ["A"]).network.classifier
    assert classifier.bytes.word_lstm.input_size == 1024
    assert classifier.output.in_features == 1024
    assert (config.byte_embedding, config.longest_word, config.dropout) == (256, 64, 0.2)
    assert (classifier.bytes.byte_lstm.num_layers, classifier.bytes.byte_lstm.hidden_size) == (2, 256)
    assert classifier.bytes.byte_lstm.dropout == pytest.approx(1 - 0.8 * 0.8)
    assert classifier.bytes.word_lstm.hidden_size == 512
    with torch.device("meta"):
        charner = Tagger.on_encoder("charner", ["A"]).network.classifier
    assert (charner.bytes.lstm.num_layers, charner.bytes.lstm.hidden_size, charner.bytes.lstm.dropout) == (5, 128, 0.5)
    assert (charner.bytes.byte_dropout, charner.bytes.output_dropout, charner.output.out_features) == (0.2, 0.8, 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("byte-bilstm:hidden=3", "no size 'hidden=3'"),
        ("byte-bilstm:byte_hidden", "no size 'byte_hidden'"),
        ("byte-bilstm:byte_hidden=many", "no number"),
        ("byte-bilstm:byte_hidden=0", "byte_hidden is 0"),
        ("charner:dropout=1", "dropout is 1.0"),
        ("charner:word_hidden=8", "no size 'word_hidden=8'"),
    ],
)
def test_sizes_that_do_not_exist_are_named(name: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Tagger.on_encoder(name, ["PER"])


def test_what_is_made_from_scratch_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="train one first: salin train --encoder byte-bilstm"):
        Tagger.from_pretrained("byte-bilstm")
    assert named_config("salin-tiny-encoder") is None


def test_seeds_decide_on_weights() -> None:
    checksums = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        checksums.append(weights_checksum(Tagger.on_encoder(TINY["byte-bilstm"], ["PER"]).network))
    assert checksums[0] == checksums[1] != checksums[2]


def test_forget_gates_begin_open() -> None:
    lstm = Tagger.on_encoder(TINY["byte-bilstm"], ["PER"]).network.classifier.bytes.word_lstm
    assert (lstm.bias_ih_l0[7:14] == 1).all()
    assert lstm.bias_ih_l0.sum() + lstm.bias_hh_l0.sum() == 7


def test_dropout_is_of_training_alone(tagger: Tagger) -> None:
    batch = collate(tagger.windower.windows(SENTENCES), BOUNDARY)
    network = tagger.network
    try:
        for training, same in ((False, True), (True, False)):
            network.train(training)
            one, other = (network(batch.input_ids, batch.attention_mask) for _ in range(2))
            assert torch.equal(one, other) == same
    finally:
        network.eval()


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_fits_a_few_sentences(name: str, precision: str) -> None:
    torch.manual_seed(1)
    shape = "byte_embedding=16,byte_hidden=16" + ",word_hidden=16" * (name == "byte-bilstm")
    dropout = "dropout=0" + ",byte_dropout=0,output_dropout=0,byte_layers=1" * (name == "charner")
    tagger = Tagger.on_encoder(f"{name}:{shape},{dropout}", ["PER", "LOC", "ORG"])
    loop = LoopSettings(steps=80, learning_rate=0.02, precision=precision)
    figures = train_direct(tagger, [corpus()], corpus(), MethodSettings(loop=loop, batch=8))
    assert figures["f1"] > 0.95


def test_entity_words_are_hidden_and_tagging_goes_on_from_a_tagger(tagger: Tagger, tmp_path: Path) -> None:
    tagger.save_pretrained(tmp_path / "first")
    again = Tagger.from_pretrained(tmp_path / "first")
    before = weights_checksum(again.network)
    settings = MethodSettings(loop=LoopSettings(steps=2, learning_rate=0.01), batch=4, mask_rate=1.0)
    finetune(again, corpus(), corpus(DEV), settings)
    assert weights_checksum(again.network) != before
    # A trained network is an encoder too: a new head on its bytes.
    other = Tagger.on_encoder(tmp_path / "first", ["X"])
    assert torch.equal(
        other.network.classifier.bytes.embedding.weight, tagger.network.classifier.bytes.embedding.weight
    )
    assert isinstance(other.windower, ByteWindower)


def test_what_it_cannot_do_is_refused(tagger: Tagger, tmp_path: Path) -> None:
    loop = LoopSettings(steps=1, learning_rate=0.01)
    with pytest.raises(SettingError, match="does not adapt"):
        Adapter(tagger, corpus())
    with pytest.raises(SettingError, match="a byte-level network has no layers that adapt"):
        Adapter(tagger, corpus(), vectors="ngrams")
    with pytest.raises(SettingError, match="train it by direct"):
        train_meta(tagger, [corpus()], corpus(DEV), MetaSettings(loop=loop))
    with pytest.raises(ModelError, match="no blocks that could be frozen"):
        train_direct(tagger, [corpus()], corpus(DEV), MethodSettings(loop=loop, frozen_blocks=1))
    with pytest.raises(ModelError, match="cannot be exported"):
        export_onnx(tagger, tmp_path / "onnx", SENTENCES)
    tagger.save_pretrained(tmp_path / "saved")
    with pytest.raises(ModelError, match="no encoder of sentences"):
        load_encoder(tmp_path / "saved")


def test_bf16_is_close(tagger: Tagger, require: Callable[[str, bool], None]) -> None:
    require("a processor that computes in bf16", torch.ops.mkldnn._is_mkldnn_bf16_supported())
    rough = Tagger(tagger.network, tagger.tokenizer, tagger.settings, precision="bf16")
    for before, after in zip(tagger.emissions(SENTENCES), rough.emissions(SENTENCES), strict=True):
        assert after.dtype == torch.float32
        assert torch.allclose(before, after, atol=0.2)
        assert not torch.equal(before, after)


def test_sentences_are_tagged_in_batches_that_fit(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tagger.emissions(SENTENCES)
    monkeypatch.setattr(ByteWindower, "pieces_a_batch", 64)
    forwards: list[int] = []
    handle: Callable = tagger.network.register_forward_hook(lambda *arguments: forwards.append(1))
    for before, after in zip(whole, tagger.emissions(SENTENCES), strict=True):
        assert torch.allclose(before, after, rtol=1e-6, atol=1e-6)
    handle.remove()
    assert len(forwards) > 3


def test_what_the_padding_holds_is_never_read(bilstm: Tagger) -> None:
    batch = collate(bilstm.windower.windows(SENTENCES), BOUNDARY)
    other = batch.input_ids.masked_fill(batch.attention_mask == 0, ord("x"))
    with torch.no_grad():
        scores = [batch.at_words(bilstm.network(ids, batch.attention_mask)) for ids in (batch.input_ids, other)]
    assert torch.equal(*scores)
