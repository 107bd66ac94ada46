"""CharNER over bytes: its words' scores decode to what Viterbi over bytes finds, and cost what its bytes cost."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from salin.corpus import Corpus, Sentence
from salin.encoding import collate
from salin.encoding.bytes import BOUNDARY
from salin.errors import DataError, SettingError
from salin.models import Tagger
from salin.models.labelled import LabelledSentences, gold_of
from salin.models.losses import task_losses
from salin.training.direct import train_direct
from salin.training.loop import LoopSettings
from salin.training.methods import MethodSettings
from tiny_corpora import TRAIN, corpus, labelled

LABELS = ("LOC", "ORG", "PER")
SENTENCES = [labelled(line) for line in TRAIN]


def fresh(seed: int) -> Tagger:
    torch.manual_seed(seed)
    made = Tagger.on_encoder("charner:byte_embedding=6,byte_hidden=5,byte_layers=2", LABELS)
    with torch.no_grad():
        for parameter in made.network.parameters():
            parameter.normal_(std=0.8)
    return made


@torch.no_grad()
def log_probabilities(tagger: Tagger, sentence: Sentence) -> Tensor:
    """Of each label at each byte of a sentence and at the spaces in it, by torch's own LSTM, `[bytes, labels]`."""
    network = tagger.network.classifier
    pieces = [piece for token in sentence.tokens for piece in (*token.encode(), BOUNDARY)][:-1]
    states, _ = network.bytes.lstm(network.bytes.embedding(torch.tensor([pieces])))
    return network.output(states[0]).log_softmax(-1)


def byte_labels(sentence: Sentence, tags: list[str]) -> list[int]:
    """The label of each byte and space, as the paper writes tags down: no B- and I-, and the spaces of an entity."""
    found: list[int] = []
    for word, (token, tag) in enumerate(zip(sentence.tokens, tags, strict=True)):
        label = 0 if tag == "O" else 1 + LABELS.index(tag[2:])
        if word:
            found.append(label if tag.startswith("I-") else 0)
        found.extend([label] * len(token.encode()))
    return found


def best_tags(sentence: Sentence, scores: Tensor) -> list[str]:
    """Viterbi over bytes: a label may change only from a word to an O, and from an O to a word, beside a space."""
    pieces = [piece for token in sentence.tokens for piece in (*token.encode(), BOUNDARY)][:-1]
    score, pointers = scores[0], []
    for place in range(1, len(pieces)):
        step = torch.full((len(score), len(score)), -torch.inf)
        step.fill_diagonal_(0)
        if pieces[place - 1] == BOUNDARY:
            step[0] = 0
        if pieces[place] == BOUNDARY:
            step[:, 0] = 0
        best, pointer = (score[:, None] + step).max(0)
        score = best + scores[place]
        pointers.append(pointer)
    path = [int(score.argmax())]
    for pointer in reversed(pointers):
        path.append(int(pointer[path[-1]]))
    path.reverse()
    tags, start = [], 0
    for token in sentence.tokens:
        before = path[start - 1] if start else 0
        tags.append("O" if path[start] == 0 else ("B-" if before == 0 else "I-") + LABELS[path[start] - 1])
        start += len(token.encode()) + 1
    return tags


@given(seed=st.integers(0, 50))
def test_decoding_is_viterbi_over_bytes(seed: int) -> None:
    tagger = fresh(seed)
    for sentence, tagged in zip(SENTENCES, tagger.tag_sentences(SENTENCES), strict=True):
        assert tagged.tags() == best_tags(sentence, log_probabilities(tagger, sentence))


def test_entities_are_found_that_touch() -> None:
    """The reference and what it is compared with see more than one kind of sequence."""
    tags = [tag for seed in range(20) for s in fresh(seed).tag_sentences(SENTENCES) for tag in s.tags()]
    assert {tag[0] for tag in tags} == {"O", "B", "I"}
    assert any(a[2:] == b[2:] and b.startswith("B-") for a, b in itertools.pairwise(tags) if a != "O")


@torch.no_grad()
def test_the_loss_of_a_word_is_that_of_its_bytes_and_of_the_space_before_it() -> None:
    tagger = fresh(3)
    windows = tagger.windower.windows(SENTENCES)
    source = LabelledSentences.from_corpora([Corpus(tuple(SENTENCES))], tagger.settings)
    gold = gold_of(windows, [(tags, None) for tags in source.tags], [0] * len(windows), 1)
    batch = collate(windows, tagger.windower.padding)
    emissions = batch.at_words(tagger.network(batch.input_ids, batch.attention_mask))
    found = task_losses(tagger.network, emissions, gold)
    expected = torch.tensor(0.0)
    for sentence in SENTENCES:
        labels = torch.tensor(byte_labels(sentence, sentence.tags()))
        expected -= log_probabilities(tagger, sentence).gather(1, labels[:, None]).sum()
    assert torch.allclose(found, expected / sum(len(s.words) for s in SENTENCES), rtol=1e-5)


def test_no_entity_goes_on_at_the_first_word() -> None:
    """Else an entity there would share its probability with an `I-` that cannot be."""
    for scores in fresh(4).emissions(SENTENCES):
        assert (scores[0, 2::2] < scores[0, 1::2] - 1000).all()
        assert (scores[1:, 2::2] > -1000).all()


def test_training_names_the_corpus_that_annotates_fewer_types() -> None:
    """Before the first step: a batch without its sentences would not show it."""
    people = corpus(("Jan/B-PER won/O",), name="people.conll")
    loop = LoopSettings(steps=1, learning_rate=1e-3)
    complaint = r"people.conll: does not annotate LOC, ORG, .*Leave it out, .*--map LOC=O,ORG=O"
    with pytest.raises(DataError, match=complaint):
        train_direct(fresh(0), [corpus(), people], corpus(), MethodSettings(loop=loop, batch=1))
    with pytest.raises(DataError, match=complaint):
        train_direct(fresh(0), [corpus()], people, MethodSettings(loop=loop, select="loss"))
    assert "f1" in train_direct(fresh(0), [corpus()], people, MethodSettings(loop=loop))


def test_corpora_that_annotate_other_types_are_refused() -> None:
    tagger = fresh(0)
    windows = tagger.windower.windows(SENTENCES[:1])
    known = (tuple(0 for _ in SENTENCES[0].words), torch.tensor([True, True, True, False, False, True, True]))
    gold = gold_of(windows, [known], [0], 1)
    emissions = torch.zeros(len(SENTENCES[0].words), 7)
    with pytest.raises(SettingError, match="annotate the same types"):
        task_losses(tagger.network, emissions, gold)
