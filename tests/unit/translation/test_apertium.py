"""Apertium as it is installed, and what becomes of a broken one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from apertium_here import require_apertium
from salin.errors import ModelError, SettingError
from salin.translation import Phrases, Translation
from salin.translation import apertium as module
from salin.translation.apertium import Apertium


def origins(translation: Translation | None, original: str) -> dict[str, str]:
    """What each piece of a translation came from."""
    assert translation is not None
    return {translation.text[a:b]: original[c:d] for a, b, c, d in translation.links}


@pytest.fixture(scope="module")
def spanish(require: Callable[[str, bool], None]) -> Apertium:
    require_apertium(require)
    return Apertium("spa-eng")


def test_words_that_change_places_and_words_that_are_one_are_followed(spanish: Apertium) -> None:
    original = "El presidente francés llegó ayer a Estados Unidos con Xuxa Menéndez ."
    (translation,) = spanish.translate([original])
    assert translation is not None
    assert "French president" in translation.text and "*" not in translation.text
    came_from = origins(translation, original)
    assert came_from["French"] == "francés"
    assert came_from["United States"] == "Estados Unidos"
    assert came_from["Xuxa"] == "Xuxa"  # no dictionary has it


def test_croatian_comes_back_from_its_cases(require: Callable[[str, bool], None]) -> None:
    require_apertium(require)
    original = "Predsjednik je u Zagrebu govorio o Hrvatskoj ."
    (translation,) = Apertium("hbs-eng").translate([original])
    came_from = origins(translation, original)
    assert (came_from["Zagreb"], came_from["Croatia"]) == ("Zagrebu", "Hrvatskoj")


def test_whatever_stands_in_a_sentence_the_next_one_is_not_touched(spanish: Apertium) -> None:
    plain = "La casa de Madrid ."
    strange = [
        "", " ", "-", "\0 x \0\0", "[[t:s:0]]a[[/]]", "^a/b<n>$ {@} \\ [", "\n\n.\n", "[<STREAMCMD:SETVAR:x>]",
        "a" * 3000, "日本語 العربية 😀 \ud800", "]]", "\\", "~ ~~ *x #y",
    ]  # fmt: skip
    (alone,) = spanish.translate([plain])
    together = spanish.translate([text for one in strange for text in (one, plain)])
    assert together[1::2] == [alone] * len(strange)


def test_phrases_are_translated_back(spanish: Apertium) -> None:
    questions = [Phrases("x", "y", ("United States", "Xuxa")), Phrases("x", "y", ()), Phrases("x", "y", ("London",))]
    assert spanish.bring_back(questions) == [("Estados Unidos", "Xuxa"), (), ("Londres",)]


def test_many_sentences_are_a_few_runs(spanish: Apertium) -> None:
    before = spanish.usage.calls
    translations = spanish.translate([f"Vivo en la calle {number} ." for number in range(300)])
    assert spanish.usage.calls - before == 2
    assert all(t is not None and str(number) in t.text for number, t in enumerate(translations))


def test_a_pair_that_is_not_there_says_which_package_to_install(require: Callable[[str, bool], None]) -> None:
    require_apertium(require)
    with pytest.raises(ModelError, match=r"apt-get install apertium-eng-glv\).*spa-eng"):
        Apertium("glv-eng")


def test_where_apertium_is_missing_its_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match="apt-get install apertium apertium-hbs-eng"):
        Apertium("hbs-eng")


@pytest.mark.parametrize("pair", ["eng-spa", "spa", "", "../../spa-eng", "spa-eng;ls"])
def test_a_name_that_is_no_pair_into_english_is_refused(pair: str) -> None:
    with pytest.raises(SettingError, match="write apertium:spa-eng"):
        Apertium(pair)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, analyser: str, translator: str) -> None:
    """An Apertium whose two stages are these shell scripts."""
    programs, modes = folder / "bin", folder / "share" / "modes"
    programs.mkdir(parents=True)
    modes.mkdir(parents=True)
    scripts = {"apertium": "", "apertium-wblank-mode": 'cat "$2"', "analyser": analyser, "translator": translator}
    for name, script in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    (modes / "xyz-eng.mode").write_text("analyser -z | translator $1 -z\n")
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("APERTIUM_DATADIR", str(folder / "share"))


def test_a_stage_that_fails_at_one_sentence_costs_that_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(tmp_path, monkeypatch, "exec cat", 'text=$(cat | tr "\\0" "|"); case "$text" in *bad*) exit 3;; esac; '
            'printf %s "$text" | tr "|" "\\0"')  # fmt: skip
    translator = Apertium("xyz-eng")
    texts = [f"n{number}" for number in range(8)]
    texts[5] = "bad"
    found = translator.translate(texts)
    assert [t and t.text for t in found] == [None if text == "bad" else text for text in texts]
    assert translator.usage.lost == {"no translation": 1}


def test_a_stage_that_loses_a_sentence_shifts_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, monkeypatch, "exec cat", 'tr "\\0" "\\n" | sed "/gone/d" | tr "\\n" "\\0"')
    found = Apertium("xyz-eng").translate(["one", "gone", "three"])
    assert [t and t.text for t in found] == ["one", None, "three"]


def test_a_lost_sentence_is_noticed_even_where_their_number_is_right(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the marks: what stands at the place of the second is the third."""
    analyser = """tr '\\0' '\\n' | sed 's|.*|^&/&$|' | tr '\\n' '\\0'"""
    loses = """awk '/gone/ { lost++; next } { print } END { while (lost-- > 0) print "x" }'"""
    install(tmp_path, monkeypatch, analyser, f"tr '\\0' '\\n' | {loses} | tr '\\n' '\\0'")
    one, gone, three = Apertium("xyz-eng").translate(["one", "gone", "three"])
    assert one is not None and origins(one, "one") == {"^one/one$": "one"}
    assert three is not None and origins(three, "three") == {"^three/three$": "three"}
    assert gone is None or not gone.links


def test_a_stage_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, monkeypatch, "exec cat", "exec sleep 60")
    monkeypatch.setattr(module, "_SECONDS", 0.3)
    with pytest.raises(ModelError, match="took more than"):
        Apertium("xyz-eng").translate(["one"])


def test_an_apertium_that_never_answers_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, monkeypatch, "exec cat", 'echo "no dictionary" >&2; exit 1')
    with pytest.raises(ModelError, match="Apertium does not work here: translator: no dictionary"):
        Apertium("xyz-eng").translate(["one", "two"])


@pytest.mark.parametrize("mode", ["analyser; rm x | translator", "analyser | translator > out", "analyser `x` | b"])
def test_a_mode_that_needs_a_shell_is_refused(mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, monkeypatch, "exec cat", "exec cat")
    (tmp_path / "share" / "modes" / "xyz-eng.mode").write_text(mode)
    with pytest.raises(ModelError, match="needs a shell"):
        Apertium("xyz-eng")
