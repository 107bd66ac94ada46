"""The adapter: adapted tags, the neighbours they come from, and a tagger that is left as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from salin.adaptation import engines
from salin.adaptation.adapter import Adapter
from salin.adaptation.rules import BertAdam, Rule, Sgd
from salin.corpus import Corpus, Sentence, SentenceTagger
from salin.errors import DataError, SettingError
from salin.models import Tagger
from salin.models.checksum import weights_checksum
from salin.retrieval import SourceIndex, VectorSettings
from tiny_corpora import DEV, TRAIN, corpus, labelled

SOURCE = corpus()
LONG = labelled(" ".join([*TRAIN[:4], *DEV]))
SENTENCES = [*(labelled(line) for line in (*DEV, TRAIN[1])), LONG, Sentence("", ())]
RULES: dict[str, Rule] = {"sgd": Sgd(rate=0.5), "bertadam": BertAdam(rate=2e-2)}


@pytest.fixture(params=["softmax", "crf", "free-crf"])
def head(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def tagger(head: str, model_folder: Callable[[str], Path]) -> Tagger:
    return fresh(model_folder("bert"), head=head)


def fresh(folder: Path, labels: tuple[str, ...] = ("LOC", "ORG", "PER"), **options: object) -> Tagger:
    """A tagger with a random head so wide awake that it finds entities."""
    torch.manual_seed(2)
    made = Tagger.on_encoder(folder, labels, **{"max_length": 24, "frozen_blocks": 1, **options})
    with torch.no_grad():
        for name, parameter in made.network.named_parameters():
            if name.startswith(("crf", "classifier.classifier")):
                parameter.normal_(std=0.5)
    return made


def lean_towards(tagger: Tagger, tag: str, much: float) -> None:
    with torch.no_grad():
        tagger.network.classifier.classifier.bias[tagger.settings.tags.index(tag)] += much


def hooks(tagger: Tagger) -> list[int]:
    """How many hooks hang at each module; transformers has some of its own."""
    return [len(module._forward_hooks) for module in tagger.network.modules()]


@pytest.fixture(params=RULES)
def rule(request: pytest.FixtureRequest) -> Rule:
    return RULES[request.param]


def spans(tagged: list[Sentence]) -> list:
    return [sentence.spans() for sentence in tagged]


def test_adaptation_changes_tags_and_leaves_no_trace(tagger: Tagger, rule: Rule) -> None:
    before = weights_checksum(tagger.network)
    plain = list(tagger.tag_sentences(SENTENCES))
    adapter = Adapter(tagger, SOURCE, rule=rule, steps=2)
    hooked = hooks(tagger)
    assert isinstance(adapter, SentenceTagger)
    assert adapter.labels == tagger.labels
    for _ in range(3):
        adapted = list(adapter.tag_sentences(SENTENCES))
        assert weights_checksum(tagger.network) == before
    assert spans(adapted) != spans(plain)
    assert list(tagger.tag_sentences(SENTENCES)) == plain
    assert hooks(tagger) == hooked
    assert all(parameter.grad is None and parameter.requires_grad for parameter in tagger.network.parameters())


@pytest.mark.parametrize("engine", ["batched", "sequential"])
def test_sentences_without_words_come_back_as_they_are(tagger: Tagger, rule: Rule, engine: str) -> None:
    nothing = [Sentence(text, ()) for text in ("", "  ", "\n")]
    options = {"rule": rule, "engine": engine, "vectors": "mean-0"}
    adapter = Adapter(tagger, SOURCE, **options)
    assert list(adapter.tag_sentences(nothing)) == nothing  # they have learned from no neighbour either
    # Beside such sentences, and with them among the sources, others are tagged as ever.
    with_empty = Corpus((*nothing, *SOURCE), name="with empty texts")
    beside = list(Adapter(tagger, with_empty, **options).tag_sentences([*nothing, *SENTENCES]))
    assert spans(beside[3:]) == spans(list(adapter.tag_sentences(SENTENCES)))


@pytest.mark.parametrize("engine", ["batched", "sequential"])
@pytest.mark.parametrize("where", ["loss", "query"])
def test_weights_are_the_same_after_an_error(
    tagger: Tagger, engine: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = weights_checksum(tagger.network)
    plain = list(tagger.tag_sentences(SENTENCES))
    adapter = Adapter(tagger, SOURCE, rule=Sgd(rate=0.5), steps=2, engine=engine)
    expected, hooked = list(adapter.tag_sentences(SENTENCES)), hooks(tagger)
    with monkeypatch.context() as patch:
        _fail_in(patch, tagger, where)
        with pytest.raises(RuntimeError, match="in the middle"):
            list(adapter.tag_sentences(SENTENCES))
    assert weights_checksum(tagger.network) == before
    assert hooks(tagger) == hooked
    assert all(parameter.requires_grad for parameter in tagger.network.parameters())
    assert list(tagger.tag_sentences(SENTENCES)) == plain
    assert list(adapter.tag_sentences(SENTENCES)) == expected


def _fail_in(patch: pytest.MonkeyPatch, tagger: Tagger, where: str) -> None:
    """Lets the second loss, or the forward pass behind two steps, fail."""
    calls = 0
    name = {"loss": "salin.adaptation.engines.task_losses", "query": None}[where]

    def failing(original: Callable, fatal: int) -> Callable:
        def call(*arguments: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == fatal:
                raise RuntimeError("in the middle")
            return original(*arguments, **named)

        return call

    if name:
        patch.setattr(name, failing(engines.task_losses, 2))
    else:
        patch.setattr(tagger.network.classifier, "forward", failing(tagger.network.classifier.forward, 3))


def test_batched_and_sequential_give_the_same_tags(tagger: Tagger, rule: Rule) -> None:
    engines = [
        Adapter(tagger, SOURCE, rule=rule, engine=engine, keep_dtype=torch.float32)
        for engine in ("auto", "batched", "sequential")
    ]
    auto, batched, sequential = (list(engine.tag_sentences(SENTENCES)) for engine in engines)
    assert auto == batched
    assert spans(batched) == spans(sequential)
    for a, b in zip(batched, sequential, strict=True):
        assert [e.score for e in a.entities] == pytest.approx([e.score for e in b.entities], abs=1e-4)
        assert a.neighbours == b.neighbours


def test_tags_do_not_depend_on_what_is_tagged_beside(tagger: Tagger, rule: Rule) -> None:
    adapter = Adapter(tagger, SOURCE, rule=rule)
    together = list(adapter.tag_sentences(SENTENCES))
    assert list(adapter.tag_sentences(SENTENCES)) == together
    alone = [next(adapter.tag_sentences([sentence])) for sentence in SENTENCES]
    backwards = list(Adapter(tagger, SOURCE, rule=rule).tag_sentences(SENTENCES[::-1]))[::-1]
    assert spans(together) == spans(alone) == spans(backwards)


def test_neighbours_come_most_similar_first(tagger: Tagger) -> None:
    *tagged, nothing = Adapter(tagger, SOURCE, k=3).tag_sentences(SENTENCES)
    for sentence in tagged:
        similarities = [neighbour.similarity for neighbour in sentence.neighbours]
        assert len(similarities) == 3
        assert similarities == sorted(similarities, reverse=True)
        assert all(-1.001 <= similarity <= 1.001 for similarity in similarities)
        assert all(neighbour.sentence in SOURCE.sentences for neighbour in sentence.neighbours)
    # A sentence of the source is its own nearest one: at test time nothing is left out.
    assert tagged[2].neighbours[0].sentence == SOURCE[1]
    assert tagged[2].neighbours[0].similarity == pytest.approx(1, abs=1e-4)
    assert nothing == SENTENCES[-1]


def test_the_nearest_may_be_left_out(tagger: Tagger) -> None:
    three = [sentence.neighbours for sentence in Adapter(tagger, SOURCE, k=3).tag_sentences(SENTENCES)]
    two = [sentence.neighbours for sentence in Adapter(tagger, SOURCE, k=2, first_rank=2).tag_sentences(SENTENCES)]
    assert two == [found[1:] for found in three]


def test_a_sentence_of_several_windows(tagger: Tagger, rule: Rule) -> None:
    assert len(tagger.windower.windows([LONG])) > 2
    (alone,) = Adapter(tagger, SOURCE, rule=rule).tag_sentences([LONG])
    (sequential,) = Adapter(tagger, SOURCE, rule=rule, engine="sequential").tag_sentences([LONG])
    assert alone.spans() == sequential.spans()
    assert (alone.text, alone.words) == (LONG.text, LONG.words)


def test_supports_of_several_windows(tagger: Tagger, rule: Rule) -> None:
    source = Corpus((LONG, *SOURCE.sentences[:2]))
    batched, sequential = (
        list(Adapter(tagger, source, rule=rule, engine=engine).tag_sentences(SENTENCES))
        for engine in ("batched", "sequential")
    )
    assert spans(batched) == spans(sequential)


def test_a_source_with_fewer_sentences_than_asked_for(tagger: Tagger) -> None:
    tagged = list(Adapter(tagger, SOURCE[1:2], k=5).tag_sentences(SENTENCES))
    assert [len(sentence.neighbours) for sentence in tagged] == [1, 1, 1, 1, 0]


def test_a_source_sentence_without_words_teaches_nothing(tagger: Tagger) -> None:
    source = Corpus((Sentence("", ()),), labels=("PER",))
    tagged = list(Adapter(tagger, source, rule=Sgd(rate=0.5)).tag_sentences(SENTENCES))
    assert spans(tagged) == spans(list(tagger.tag_sentences(SENTENCES)))


def test_text_of_any_length(tagger: Tagger) -> None:
    text = f"  Maria met Ajax in Lisbon.  Jan won!\n\nReuters said: PSV, 2-1. {LONG.text}\n"
    lean_towards(tagger, "B-PER", 10.0)
    adapter = Adapter(tagger, SOURCE, rule=Sgd(rate=0.01))
    tagged = adapter.tag(text)
    assert tagged.text == text
    assert tagged.entities
    assert all(entity.text == text[entity.start : entity.end] for entity in tagged.entities)
    assert adapter.tag([text, "", text]) == [tagged, Sentence("", ()), tagged]


def test_sentences_are_read_as_they_are_needed(tagger: Tagger) -> None:
    def endless() -> Iterator[Sentence]:
        while True:
            yield SENTENCES[0]

    first = next(Adapter(tagger, SOURCE).tag_sentences(endless()))
    assert first.text == SENTENCES[0].text


@pytest.mark.parametrize("engine", ["batched", "sequential"])
def test_a_source_that_annotates_less_than_the_tagger_knows(
    head: str, engine: str, model_folder: Callable[[str], Path]
) -> None:
    """MISC takes no part in the steps: unlike where it is annotated and absent, no step says that it is wrong."""
    tagger = fresh(model_folder("bert"), ("LOC", "MISC", "ORG", "PER"), head=head)
    lean_towards(tagger, "B-MISC", 8.0)
    with_misc = Corpus(SOURCE.sentences, labels=("LOC", "MISC", "ORG", "PER"))
    without, with_ = (
        [entity for s in Adapter(tagger, source, rule=Sgd(rate=0.3), engine=engine).tag_sentences(SENTENCES)
         for entity in s.entities if entity.label == "MISC"]
        for source in (SOURCE, with_misc)
    )  # fmt: skip
    assert sum(entity.score for entity in without) > sum(entity.score for entity in with_) + 0.1


def test_labels_that_the_tagger_does_not_have_are_refused(tagger: Tagger) -> None:
    misc = corpus(("EFECOM/B-MISC won/O",), name="esp.train")
    with pytest.raises(DataError, match=r"esp\.train has the label MISC.*--map MISC=O"):
        Adapter(tagger, misc)
    with pytest.raises(DataError, match="no labelled entity"):
        Adapter(tagger, SOURCE.without_entities())


@pytest.mark.parametrize("options", [{"k": 0}, {"steps": 0}, {"first_rank": 0}, {"k": -1}])
def test_numbers_that_make_no_sense_are_refused(tagger: Tagger, options: dict[str, int]) -> None:
    with pytest.raises(SettingError, match="at least 1"):
        Adapter(tagger, SOURCE, **options)


def test_a_first_rank_that_no_sentence_has_is_refused(tagger: Tagger) -> None:
    Adapter(tagger, SOURCE, first_rank=len(SOURCE))
    with pytest.raises(SettingError, match=f"first_rank is {len(SOURCE) + 1}, and the source has {len(SOURCE)}"):
        Adapter(tagger, SOURCE, first_rank=len(SOURCE) + 1)


def test_names_that_do_not_exist_are_refused(tagger: Tagger) -> None:
    with pytest.raises(SettingError, match="no update rule 'adam'; there are: sgd, bertadam"):
        Adapter(tagger, SOURCE, rule="adam")
    with pytest.raises(SettingError, match="no sentence vectors 'sum-1'"):
        Adapter(tagger, SOURCE, vectors="sum-1")


def test_frozen_blocks_are_not_adapted(model_folder: Callable[[str], Path]) -> None:
    blocks = {}
    for frozen in (None, 0, 2, 3):
        tagger = fresh(model_folder("bert"), frozen_blocks=frozen)
        names = Adapter(tagger, SOURCE).adapted
        assert "classifier.classifier" in names
        assert not any("embed" in name for name in names)
        blocks[frozen] = {name.split("layer.")[1][0] for name in names if "layer." in name}
    assert blocks == {None: set(), 0: {"0", "1", "2"}, 2: {"2"}, 3: set()}


def test_an_index_made_before(tagger: Tagger, tmp_path: Path) -> None:
    index = SourceIndex.build(tagger, SOURCE, VectorSettings.parse("ngrams"))
    index.save(tmp_path / "index", SOURCE)
    loaded = SourceIndex.load(tmp_path / "index", SOURCE, tagger)
    with_index = list(Adapter(tagger, SOURCE, index=loaded).tag_sentences(SENTENCES))
    assert with_index == list(Adapter(tagger, SOURCE, vectors="ngrams").tag_sentences(SENTENCES))
    with pytest.raises(SettingError, match="8 sentences, but the source has 7"):
        Adapter(tagger, SOURCE[1:], index=loaded)


def test_parameters_that_were_frozen_for_training_are_adapted_all_the_same(tagger: Tagger) -> None:
    expected = spans(list(Adapter(tagger, SOURCE, rule=Sgd(rate=0.5)).tag_sentences(SENTENCES)))
    tagger.network.requires_grad_(requires_grad=False)
    for engine in ("batched", "sequential"):
        adapter = Adapter(tagger, SOURCE, rule=Sgd(rate=0.5), engine=engine)
        assert spans(list(adapter.tag_sentences(SENTENCES))) == expected
        assert not any(parameter.requires_grad for parameter in tagger.network.parameters())
