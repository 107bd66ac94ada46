"""`salin finetune-llm`: a tiny Llama that copies English names learns what they are called in another language."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from conftest import Outcome
from salin.translation import open_translator
from tiny_chat import build_chat_model
from tiny_names import NamedSentence, build_copying_model, foreign, named_sentences, names

Salin = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def _peft(require: Callable[[str, bool], None]) -> None:
    require("peft (pip install 'salin[llm]')", find_spec("peft") is not None)


def brought_back(model: Path, asked: Sequence[NamedSentence]) -> list[str | None]:
    """What the pipeline gets when it asks."""
    translator = open_translator(f"transformers:{model}?cache=off&batch=100&max_tokens=40")
    return [answer for (answer,) in translator.bring_back([one.question for one in asked])]


def exact(found: Sequence[str | None], asked: Sequence[NamedSentence]) -> float:
    return sum(answer == one.original for answer, one in zip(found, asked, strict=True)) / len(asked)


def test_names_that_were_never_seen_are_brought_back(salin: Salin, tmp_path: Path) -> None:
    known = names(1200, seed=7)
    training, new = known[:1000], known[1000:]
    asked = named_sentences(new, 200, seed=7)
    assert not {one.english for one in asked} & set(training)

    base = build_copying_model(tmp_path / "base")
    before = brought_back(base, asked)
    assert sum(answer == one.english for answer, one in zip(before, asked, strict=True)) > 190, "it copies"
    assert exact(before, asked) < 0.05
    assert exact([one.english for one in asked], asked) == 0, "and copying is worth nothing here"

    pairs, out = tmp_path / "pairs.jsonl", tmp_path / "tuned"
    pairs.write_text("".join(one.pair() for one in named_sentences(training, 4000, seed=8)), encoding="utf-8")
    ran = salin(
        "finetune-llm", pairs, "--model", base, "--out", out, "--steps", 400, "--learning-rate", "5e-3", "--rank", 32,
        "--batch", 32, "--precision", "fp32", "--evaluate-every", 100,
    )  # fmt: skip
    assert ran.status == 0, ran.errors
    assert exact(brought_back(out, asked), asked) > 0.9
    assert "% of the names that were held out brought back word for word" in ran.errors
    records = [json.loads(line) for line in (out / "training" / "log.jsonl").read_text("utf-8").splitlines()]
    shares = [record["eval_exact"]["back"] for record in records if "eval_exact" in record]
    assert len(shares) == 4 and shares[-1] > 0.9


def test_the_language_is_what_its_page_says() -> None:
    assert (foreign("Tarok"), foreign("Talu")) == ("Diferos", "Dikan")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return build_chat_model(tmp_path / "base", random=True)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    lines = [{"english": f"N{n}", "label": "PER", "original": f"M{n}", "sentence": f"M{n} vive."} for n in range(24)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


SMALL = ("--steps", 2, "--batch", 4, "--rank", 2)


def test_sentences_are_translated_first_by_whatever_translates(
    salin: Salin, base: Path, pairs: Path, tmp_path: Path
) -> None:
    """This one gives the same answer to everything, in which no name stands, but one."""
    with pairs.open("a", encoding="utf-8") as file:
        file.write('{"english": "Lisbon", "label": "LOC", "original": "Lisboa", "sentence": "En Lisboa llueve ."}\n')
    teacher = build_chat_model(tmp_path / "teacher")
    command = ["finetune-llm", pairs, "--model", base, "--language", "es", *SMALL, "--out", tmp_path / "out"]
    ran = salin(*command, "--with", f"transformers:{teacher}?cache=off")
    assert ran.status == 0, ran.errors
    assert "25 calls" in ran.errors
    assert "without a translation: 24 name not in the translation" in ran.errors
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "| pairs.jsonl | 25 | 25 | 1 |" in card


def test_what_was_interrupted_goes_on(
    salin: Salin, base: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from salin.training import loop

    save = loop.save_checkpoint

    def save_then_stop(*arguments: object) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    command = ["finetune-llm", pairs, "--model", base, *SMALL]
    assert salin(*command, "--out", tmp_path / "whole").status == 0
    monkeypatch.setattr(loop, "save_checkpoint", save_then_stop)
    assert salin(*command, "--out", tmp_path / "stopped").status == 130
    assert [path.name for path in (tmp_path / "stopped").iterdir()] == ["training"]
    monkeypatch.setattr(loop, "save_checkpoint", save)
    other = salin(*command, "--rank", 3, "--out", tmp_path / "stopped")
    assert other.status == 2 and "settings.rank: 2 then, 3 now" in other.errors
    ran = salin(*command, "--out", tmp_path / "stopped")
    assert ran.status == 0 and "going on" in ran.errors
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "stopped")]
    assert files[0] == files[1]
    again = salin(*command, "--out", tmp_path / "whole")
    assert again.status == 2 and "holds a finished model" in again.errors


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "nothing-like-it"], "nothing-like-it: no such folder"),
        (["--model", "BASE", "--with", "apertum:spa-eng"], "did you mean apertium:?"),
        (["--model", "BASE", "--learning-rate", "0"], "--learning-rate 0.0: Input should be greater than 0"),
        ([], "--model"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    salin: Salin, base: Path, pairs: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    ran = salin("finetune-llm", pairs, *(base if option == "BASE" else option for option in options), *SMALL,
                "--out", tmp_path / "out")  # fmt: skip
    assert ran.status == 2
    assert said in ran.errors
    assert not (tmp_path / "out" / "config.json").exists()
