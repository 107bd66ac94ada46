"""A language model on this machine: safe to open, greedy, and the same in batches as alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from salin.errors import ModelError
from salin.translation.chat import Reply, Request
from salin.translation.chat.local import LocalChat
from salin.translation.opening import open_translator
from salin.translation.translator import Candidate, Phrases, Translation
from tiny_chat import ANSWER, TEMPLATE, build_chat_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_chat_model(tmp_path_factory.mktemp("chat"))


@pytest.fixture(scope="module")
def random_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_chat_model(tmp_path_factory.mktemp("random"), random=True)


def replies(chat: LocalChat, requests: Sequence[Request]) -> list[Reply]:
    found: dict[int, Reply] = {}
    chat.ask(requests, lambda number, reply: found.__setitem__(number, reply))
    return [found[number] for number in range(len(requests))]


def test_the_default_way_needs_no_server(folder: Path) -> None:
    translator = open_translator(f"transformers:{folder}?cache=off", language="es")
    sentence, english = "Llueve en Lisboa.", "It rains in Lisbon."
    assert translator.translate([sentence]) == [Translation(english, (Candidate("Lisboa", "Lisbon", "LOC"),))]
    assert translator.bring_back([Phrases(sentence, english, ("Lisbon",))]) == [("Lisboa",)]
    assert (translator.usage.calls, translator.usage.completion_tokens, translator.usage.lost) == (2, 4, {})


def test_the_published_way_makes_as_many_calls_as_on_a_server(folder: Path) -> None:
    translator = open_translator(f"transformers:{folder}?cache=off&prompts=official&batch=2")
    assert translator.translate(["Llueve.", "Nieva."]) == [Translation(ANSWER)] * 2
    translator.bring_back([Phrases("Llueve.", "It rains.", ("It", "rains"))])
    assert translator.usage.calls == 2 * 3 + 2 * 3


def test_answers_are_kept_for_the_weights_that_gave_them(folder: Path, random_folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "answers.sqlite"
    took: list[tuple[int, ...]] = []
    for other, calls in ((folder, 1), (folder, 0), (random_folder, 1)):
        translator = open_translator(f"transformers:{other}?cache={cache}&max_tokens=4")
        translator.translate(["Llueve."])
        usage = translator.usage
        assert (usage.calls, usage.cached) == (calls, 1 - calls)
        took.append((usage.prompt_tokens, usage.completion_tokens))
        took.append((usage.cached_prompt_tokens, usage.cached_completion_tokens))
    assert min(took[0]) > 0 and took[:4] == [took[0], (0, 0), (0, 0), took[0]], "what they took is kept with them"


def test_a_batch_changes_nothing_and_nothing_is_drawn_at_random(random_folder: Path) -> None:
    questions = ["Ana", "Wer ist das?", "中国总理访问德国。" * 4, "?" * 90, "a b c", ""]
    requests = [Request((("user", question),), 6 + 6 * (number % 2)) for number, question in enumerate(questions)]
    alone = replies(LocalChat.from_pretrained(str(random_folder), batch=1), requests)
    assert replies(LocalChat.from_pretrained(str(random_folder), batch=4), requests) == alone
    assert len({reply.text for reply in alone}) > 3  # what it writes does depend on what it reads


def test_what_does_not_fit_the_context_is_lost_and_counted(tmp_path: Path) -> None:
    chat = LocalChat.from_pretrained(str(build_chat_model(tmp_path, positions=64)))
    # Three marks, the text, and the answer.
    short, long = Request((("user", "a" * 57),), 4), Request((("user", "a" * 58),), 4)
    assert [reply.lost for reply in replies(chat, [long, short, long])] == [
        "longer than the model's context", "", "longer than the model's context",
    ]  # fmt: skip


def test_an_answer_that_reaches_its_greatest_length_is_cut_off(random_folder: Path, folder: Path) -> None:
    question = (("user", "Who?"),)
    (cut,) = replies(LocalChat.from_pretrained(str(random_folder)), [Request(question, 3)])
    (whole,) = replies(LocalChat.from_pretrained(str(folder)), [Request(question, 3)])
    assert (cut.cut, whole.cut, whole.text) == (True, False, ANSWER)


def test_a_template_without_a_system_message_gets_none(tmp_path: Path) -> None:
    refuses = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + TEMPLATE
    translator = open_translator(f"transformers:{build_chat_model(tmp_path, template=refuses)}?cache=off")
    assert translator.translate(["Llueve."])[0]


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no chat template"):
        open_translator(f"transformers:{build_chat_model(tmp_path, template=None)}?cache=off")


def test_a_pickle_in_the_folder_is_refused(tmp_path: Path) -> None:
    build_chat_model(tmp_path)
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="a pickle can run code"):
        open_translator(f"transformers:{tmp_path}?cache=off")


def test_code_in_the_folder_is_never_run(tmp_path: Path) -> None:
    build_chat_model(tmp_path)
    (tmp_path / "code.py").write_text("raise SystemExit('run')")
    config = json.loads((tmp_path / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "code.Model", "AutoConfig": "code.Config"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert open_translator(f"transformers:{tmp_path}?cache=off").translate(["Llueve."])[0]


def test_a_model_that_writes_no_text_is_refused(tmp_path: Path) -> None:
    from transformers import LlamaModel

    build_chat_model(tmp_path)
    LlamaModel.from_pretrained(tmp_path).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="no model that writes text"):
        open_translator(f"transformers:{tmp_path}?cache=off")


def test_rotary_positions_are_those_that_the_folder_names(tmp_path: Path) -> None:
    """Folders of before transformers 5 name them outside of what a config's defaults name today."""
    from salin.models.loading import load_config

    build_chat_model(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["rope_parameters"]
    scaling = {"rope_type": "linear", "factor": 4.0}
    (tmp_path / "config.json").write_text(json.dumps({**config, "rope_theta": 500_000.0, "rope_scaling": scaling}))
    assert load_config(tmp_path).rope_parameters == {**scaling, "rope_theta": 500_000.0}
