"""What a model is taught: the questions that the pipeline asks, with answers that it reads, and only answers count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedTokenizerFast

from salin.models.loading import load_language_model, load_tokenizer
from salin.training.processes import Part
from salin.translation import Candidate, Phrases, Translation, Usage
from salin.translation.chat import DefaultTranslator, Reply, Request
from salin.translation.chat.answers import read_phrases, read_translation, write_phrases, write_translation
from salin.translation.chat.asking import Asker
from salin.translation.chat.local import LocalChat, end_tokens
from salin.translation.chat.template import PLAIN_TEMPLATE, answer_text, pieces, prompt_text
from salin.translation.tuning import AlignedName, AlignedSentence
from salin.translation.tuning.batches import AnswerBatches, answer_loss, collate, measure
from salin.translation.tuning.examples import Example, ExampleMaker, counted
from tiny_chat import TEMPLATE, build_chat_model, build_chat_tokenizer

LABELS = ("LOC", "PER")
SENTENCE, ENGLISH = "In Lissabon singt Anna.", "Anna sings in Lisbon."
ALIGNED = AlignedSentence(
    SENTENCE, (AlignedName("Lisbon", "Lissabon", "LOC"), AlignedName("Anna", "Anna", "PER")), ENGLISH
)


def maker(tokenizer: PreTrainedTokenizerFast, *, context: int = 10_000) -> ExampleMaker:
    return ExampleMaker(tokenizer, [tokenizer.eos_token_id], LABELS, "German", context)


class Recorder:
    """A chat model that remembers what it was asked."""

    identity = "recorder"

    def __init__(self) -> None:
        self.usage = Usage()
        self.asked: list[Request] = []

    def ask(self, requests: Sequence[Request], answered: Callable[[int, Reply], None]) -> None:
        self.asked.extend(requests)
        for number in range(len(requests)):
            answered(number, Reply("{}"))


def test_the_questions_are_those_that_translation_asks() -> None:
    tokenizer = build_chat_tokenizer()
    (back, forward), too_long = maker(tokenizer)([ALIGNED])
    recorder = Recorder()
    translator = DefaultTranslator(Asker(recorder), LABELS, "German")
    translator.bring_back([Phrases(SENTENCE, ENGLISH, ("Anna", "Lisbon"))])
    translator.translate([SENTENCE])
    asked = [pieces(tokenizer, prompt_text(tokenizer, request.messages)) for request in recorder.asked]
    assert [list(back.prompt), list(forward.prompt)] == asked
    assert (back.task, forward.task, too_long) == ("back", "forward", 0)


def test_the_answers_are_what_translation_reads() -> None:
    tokenizer = build_chat_tokenizer()
    (back, forward), _ = maker(tokenizer)([ALIGNED])
    lost: Counter[str] = Counter()
    said = [tokenizer.decode(example.answer[:-1]) for example in (back, forward)]
    assert read_phrases(said[0], 2, lost) == ("Anna", "Lissabon")
    named = (Candidate("Anna", "Anna", "PER"), Candidate("Lissabon", "Lisbon", "LOC"))
    assert read_translation(said[1], SENTENCE, LABELS, lost) == Translation(ENGLISH, named)
    assert not lost
    for example in (back, forward):
        assert example.answer[-1] == tokenizer.eos_token_id
        assert tokenizer.eos_token_id not in example.answer[:-1]


NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text.strip() == text)


@given(st.lists(st.none() | NAME, min_size=1, max_size=4))
def test_phrases_that_are_written_are_read_again(originals: list[str | None]) -> None:
    assert read_phrases(write_phrases(originals), len(originals), Counter()) == tuple(originals)


@given(NAME, st.lists(st.builds(Candidate, NAME, NAME, st.sampled_from(LABELS)), max_size=3))
def test_translations_that_are_written_are_read_again(text: str, named: list[Candidate]) -> None:
    translation = Translation(text, tuple(named))
    assert read_translation(write_translation(translation), text, LABELS, Counter()) == translation


def test_without_a_translation_the_sentence_with_english_names_stands_for_it() -> None:
    tokenizer = build_chat_tokenizer()
    (only,), _ = maker(tokenizer)([AlignedSentence(SENTENCE, ALIGNED.names)])
    question = tokenizer.decode(only.prompt)
    assert only.task == "back"
    assert "In Lisbon singt Anna." in question and '1. "Lisbon"\n2. "Anna"' in question


def test_names_that_nobody_has_checked_are_listed_and_not_asked_for() -> None:
    tokenizer = build_chat_tokenizer()
    unchecked = AlignedSentence(SENTENCE, ALIGNED.names[:1], ENGLISH, ALIGNED.names[1:])
    (back, forward), _ = maker(tokenizer)([unchecked])
    assert '"Anna"' not in tokenizer.decode(back.prompt)
    assert '"original": "Anna"' in tokenizer.decode(forward.answer)


def test_what_is_longer_than_the_model_reads_is_left_out_and_counted() -> None:
    tokenizer = build_chat_tokenizer()
    short, long = sorted(maker(tokenizer)([ALIGNED])[0], key=len)
    assert len(short) < len(long)
    assert maker(tokenizer, context=len(short))([ALIGNED]) == ([short], 1)
    assert maker(tokenizer, context=len(short) - 1)([ALIGNED]) == ([], 2)


QUESTION = (("system", "Be brief."), ("user", "Who?"))


@pytest.mark.parametrize(
    ("template", "answer"),
    [
        (TEMPLATE, "Ana<|end|>"),
        # No system message, as with some models.
        ("{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}" + TEMPLATE, "Ana<|end|>"),
        # An empty thought before the answer of a finished turn, as with models that may think.
        (TEMPLATE.replace("{{ message['content'] }}", "{% if message['role'] == 'assistant' %}<think></think>"
                          "{% endif %}{{ message['content'] }}"), "<think></think>Ana<|end|>"),
        # A new turn begins with what a finished one does not hold.
        (TEMPLATE.replace("<|assistant|>{% endif %}", "<|assistant|>final:{% endif %}"), "Ana<|end|>"),
        # Nothing ends a turn.
        (TEMPLATE.replace("<|end|>", ""), "Ana<|end|>"),
        (PLAIN_TEMPLATE, "Ana<|end|>\n"),
    ],
)  # fmt: skip
def test_an_answer_ends_as_the_template_ends_it(template: str, answer: str) -> None:
    assert answer_text(build_chat_tokenizer(template), QUESTION, "Ana") == answer


def test_the_plain_template_is_a_line_for_each_mark_and_text() -> None:
    tokenizer = build_chat_tokenizer(PLAIN_TEMPLATE)
    assert prompt_text(tokenizer, QUESTION) == "<|system|>\nBe brief.\n<|user|>\nWho?\n<|assistant|>\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_chat_model(tmp_path_factory.mktemp("random"), random=True)


@pytest.fixture(scope="module")
def model(folder: Path) -> nn.Module:
    return load_language_model(folder)


EXAMPLES = [
    Example("back", (1, 2, 3), (4, 5)),
    Example("back", (6, 7), (8,)),
    Example("forward", (9, 1, 2, 3, 4), (5, 6, 7)),
    Example("back", (3,), (2, 1, 4)),
]


def test_the_loss_is_that_of_the_answers_alone(model: nn.Module) -> None:
    """By hand, one example at a time and without padding."""
    losses: list[Tensor] = []
    for example in EXAMPLES:
        logits = model(input_ids=torch.tensor([[*example.prompt, *example.answer]])).logits[0]
        guesses = logits[len(example.prompt) - 1 : -1]
        losses.extend(functional.cross_entropy(guesses, torch.tensor(example.answer), reduction="none"))
    found = answer_loss(model, collate(EXAMPLES, 0))["loss"]
    torch.testing.assert_close(found, torch.stack(losses).mean())


def test_the_parts_of_a_batch_sum_to_the_whole(model: nn.Module) -> None:
    batches = AnswerBatches(EXAMPLES, 4, 0, seed=1)
    whole = answer_loss(model, batches(0))["loss"]
    parts = [batches(0, Part(index, 3)) for index in range(3)]
    torch.testing.assert_close(sum(answer_loss(model, part)["loss"] for part in parts), whole)
    assert batches(0, Part(4, 5)) is None


def test_every_example_comes_once_a_pass_beside_others_of_like_length() -> None:
    examples = [Example("back", (1,) * (1 + number % 7), (number,)) for number in range(42)]
    batches = AnswerBatches(examples, 6, 0, seed=1)
    found = [batches(step) for step in range(7)]
    seen = [int(row[row >= 0]) for batch in found for row in batch.wanted]
    assert sorted(seen) == list(range(42))
    assert all(batch.attention_mask.all() for batch in found), "nothing is padded here"
    assert seen != [int(row[row >= 0]) for step in range(7, 14) for row in batches(step).wanted]


def test_an_answer_is_right_word_for_word_if_greedy_writing_gives_it(folder: Path, model: nn.Module) -> None:
    tokenizer = load_tokenizer(folder, for_words=False)
    ends = end_tokens(SimpleNamespace(generation_config=None), tokenizer)
    replies: dict[int, Reply] = {}
    question = (("user", "Who is it?"),)
    LocalChat.from_pretrained(str(folder)).ask([Request(question, 12)], replies.__setitem__)
    prompt = tuple(pieces(tokenizer, prompt_text(tokenizer, question)))
    with torch.no_grad():
        written: list[int] = []
        for _ in range(12):
            written.append(int(model(input_ids=torch.tensor([[*prompt, *written]])).logits[0, -1].argmax()))
    assert tokenizer.decode(written, skip_special_tokens=True).strip() == replies[0].text, "that is what it writes"
    assert not set(written) & set(ends)
    right, wrong = Example("back", prompt, tuple(written)), Example("back", prompt, (*written[:5], 7, *written[6:]))
    other = Example("forward", prompt, tuple(written[:3]))
    measured = measure(model, [right, wrong, other], 0, bf16=False)
    assert measured["exact"] == {"back": 0.5, "forward": 1.0}
    assert counted([right, wrong, other]) == {"back": 2, "forward": 1}
