"""`salin pretrain` as a user gives it: a recipe, and going on from a model with plain text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Outcome
from tiny_models import TEXT, build_decoder

RECIPE = """
[text]
plain = "text"
[tokenizer]
kind = "unigram"
[model]
preset = "encoder-cpu"
vocabulary = 400
hidden = 16
layers = 2
positions = 24
[mixture]
weights = { masked = 1 }
rows = 4
[loop]
steps = 4
learning_rate = 1e-3
"""

Salin = Callable[..., Outcome]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """English and Dutch; the Dutch file has a line that is not UTF-8."""
    for name, content in {"en": "\n".join(TEXT).encode(), "nl": b"goedemorgen\nca\xe9f\nde wedstrijd\n" * 40}.items():
        (tmp_path / "text" / name).mkdir(parents=True)
        (tmp_path / "text" / name / "news.txt").write_bytes(content)
    return tmp_path / "text"


def test_a_recipe_makes_an_encoder_and_that_goes_on(
    salin: Salin, text: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    made = salin("pretrain", tmp_path / "recipe.toml", "--out", tmp_path / "new")
    assert made.status == 0, made.errors
    assert "news.txt: skipped 40 lines: not UTF-8 (first at line 2). Convert it (iconv -t UTF-8)" in caplog.text
    assert "1 problem with the text" in caplog.text.splitlines()[-1], "at the end, when hours may have passed"
    assert f"{tmp_path / 'new' / 'encoder'}: loss " in made.errors

    options = ["--text", text / "nl", "--replay", text / "en", "--steps", "2", "--batch", "4"]
    went_on = salin("pretrain", "--from", tmp_path / "new" / "encoder", *options, "--out", tmp_path / "more")
    assert went_on.status == 0, went_on.errors
    assert "no language-model head" not in caplog.text, "the head of the first run goes on too"
    card = (tmp_path / "more" / "encoder" / "README.md").read_text(encoding="utf-8")
    assert f"It went on from {tmp_path / 'new' / 'encoder'}." in card
    assert "| plain | nl | 80 |" in card

    again = salin("pretrain", "--from", tmp_path / "new" / "encoder", *options, "--out", tmp_path / "more")
    assert again.status == 0, "a finished run has nothing more to do"


def test_the_bundled_tagger_goes_on_with_one_file(
    salin: Salin, text: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = ["--text", text / "en" / "news.txt", "--language", "en"]
    made = salin("pretrain", "--from", "salin-tiny", *files, "--steps", "1", "--batch", "1", "--out", tmp_path / "more")
    assert made.status == 0, made.errors
    assert "salin-tiny: it has no language-model head, so a new one is trained" in caplog.text
    trained = salin(
        "train", "--encoder", tmp_path / "more" / "encoder", "--steps", "1", "--batch", "1", "--out", tmp_path / "t"
    )
    assert trained.status == 0, trained.errors


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_decoder_goes_on_causally_and_makes_a_tagger(
    salin: Salin, text: Path, tmp_path: Path, architecture: str
) -> None:
    base = build_decoder(architecture, tmp_path / "base")
    options = ["--text", text / "en", "--replay", text / "nl", "--steps", "2", "--batch", "4"]
    made = salin("pretrain", "--from", base, *options, "--out", tmp_path / "more")
    assert made.status == 0, made.errors
    card = (tmp_path / "more" / "encoder" / "README.md").read_text(encoding="utf-8")
    assert f"It went on from {base}." in card and "pipeline_tag: text-generation" in card
    assert "| causal |" in card and "| replay |" in card
    again = salin("pretrain", "--from", tmp_path / "more" / "encoder", *options, "--out", tmp_path / "again")
    assert again.status == 0, again.errors
    trained = salin(
        "train", "--encoder", tmp_path / "again" / "encoder", "--steps", "1", "--batch", "1", "--out", tmp_path / "t"
    )
    assert trained.status == 0, trained.errors


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "name a recipe for a new model, or --from a model and --text"),
        (["recipe.toml", "--from", "salin-tiny"], "not both"),
        (["recipe.toml", "--steps", "3"], "--steps goes with --from"),
        (["recipe.toml", "--batch", "3"], "--batch goes with --from"),
        (["recipe.toml", "--text", "a.txt"], "--text goes with --from"),
        (["--from", "salin-tiny"], "--from needs --text"),
        (["--from", "salin-tiny", "--text", "nowhere.txt"], "there is no such file or folder"),
        (["--from", "salin-tiny", "--text", "TEXT", "--replay-share", "0.5"], "--replay-share needs --replay"),
        (["--from", "salin-tiny", "--text", "TEXT", "--replay", "TEXT", "--replay-share", "1.5"], "between 0 and 1"),
        (["--from", "salin-tiny", "--text", "TEXT", "--learning-rate", "-1"], "learning_rate: Input should be greater"),
        (["--from", "salin-tiny", "--text", "TEXT", "--on-error", "strict"], "news.txt:2: byte 0xe9 is not UTF-8"),
        (["--from", "nothing-like-it", "--text", "TEXT"], "nothing-like-it: no such folder"),
        (["nowhere.toml"], "no such recipe"),
    ],
)
def test_what_does_not_go_together_is_said(
    salin: Salin, text: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    made = salin(
        "pretrain", *(str(text) if option == "TEXT" else option for option in options), "--out", tmp_path / "x"
    )
    assert made.status == 2
    assert said in made.errors
    assert not (tmp_path / "x" / "encoder").exists()
