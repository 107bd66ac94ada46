"""`salin tag` from whatever a user has to whatever a user wants."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from salin.corpus import read

TEXT = "Maria Sousa joined Ajax in Lisbon. Ana Reyes stayed.\n\nSi Juan dela Cruz miadto sa Sugbo 😀 kagahapon.\n"


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def records(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines()]


def test_text_becomes_a_json_object_a_sentence_when_it_is_not_shown_on_a_terminal(
    salin: Callable, tagger_folder: Path, text_file: Path
) -> None:
    ran = salin("tag", text_file, "--model", tagger_folder)
    assert ran.status == 0
    found = records(ran.output)
    assert [record["text"] for record in found][:2] == ["Maria Sousa joined Ajax in Lisbon.", "Ana Reyes stayed."]
    entities = [(record["text"], entity) for record in found for entity in record["entities"]]
    assert entities
    for text, entity in entities:
        assert entity["text"] == text[entity["start"] : entity["end"]]
        assert entity["label"] in ("LOC", "ORG", "PER")
        assert 0 <= entity["score"] <= 1


def test_standard_input_is_what_a_file_is(salin: Callable, tagger_folder: Path, text_file: Path) -> None:
    from_file = salin("tag", text_file, "--model", tagger_folder).output.replace(str(text_file), "<stdin>")
    assert salin("tag", "--model", tagger_folder, stdin=TEXT).output == from_file
    assert salin("tag", "-", "--model", tagger_folder, stdin=TEXT).output == from_file


def test_a_text_given_on_the_command_line_comes_back_whole(salin: Callable, tagger_folder: Path) -> None:
    (record,) = records(salin("tag", "--text", TEXT, "--model", tagger_folder).output)
    assert record["text"] == TEXT
    assert all(entity["text"] == TEXT[entity["start"] : entity["end"]] for entity in record["entities"])


def test_conll_keeps_its_words(salin: Callable, tagger_folder: Path, corpora) -> None:
    ran = salin("tag", corpora.test, "--model", tagger_folder, "--to", "conll")
    given = [line.split("\t")[0] for line in corpora.test.read_text("utf-8").splitlines()]
    assert [line.split("\t")[0] for line in ran.output.rstrip("\n").splitlines()] == given


def test_json_lines_go_in_and_out_one_for_one(salin: Callable, tagger_folder: Path) -> None:
    texts = ["Ana Reyes in Lisbon.", "", "中国总理访问德国。"]
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    assert [r["text"] for r in records(salin("tag", "--model", tagger_folder, stdin=lines).output)] == texts


@pytest.mark.parametrize("options", [[], ["--adapt"]], ids=["plain", "adapted"])
def test_a_json_line_can_be_joined_to_the_one_it_came_from(
    salin: Callable, tagger_folder: Path, tmp_path: Path, options: list[str]
) -> None:
    path = tmp_path / "in.jsonl"
    given = [
        {"id": 7, "text": "Ana Reyes in Lisbon.", "meta": {"page": 1}},
        {"id": 8},
        {"id": 9, "text": "Si Juan.", "entities": "of another tool"},
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in given), encoding="utf-8")
    tagged = records(salin("tag", path, "--model", tagger_folder, "--on-error", "skip", *options).output)
    assert [(record["id"], record["origin"]) for record in tagged] == [(7, f"{path}:1"), (9, f"{path}:3")]
    assert tagged[0]["meta"] == {"page": 1}
    assert all(isinstance(record["entities"], list) for record in tagged)


def test_a_sentence_of_a_text_says_where_it_stands(salin: Callable, text_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_bytes(text_file.read_bytes())
    tagged = records(salin("tag", folder, "--model", "rules:tl").output)
    assert [record["origin"] for record in tagged] == [
        f"{folder / name}:{line}" for name in ("a.txt", "b.txt") for line in (1, 1, 3)
    ]
    for record in tagged:
        for entity in record["entities"]:
            start = record["offset"] + entity["start"]
            assert TEXT[start : start + len(entity["text"])] == entity["text"]


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("ud.conllu", "# text = Si Ana.\n1\tSi{0}\n2\tAna{0}\n3\t.{0}\n\n".format("\t_" * 8), []),
        ("words.conll", "Si\nAna\n.\n\n", []),
        ("words.txt", "Si\nAna\n.\n\n", ["--format", "conll"]),
        ("tagged.conll", "Si X\nAna B-\n. O\n\n", []),  # tags that no scheme has are not read
    ],
)
def test_words_need_no_tags_to_be_tagged(
    salin: Callable, tmp_path: Path, name: str, content: str, options: list[str]
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    ran = salin("tag", path, "--model", "rules:tl", "--to", "conll", *options)
    assert ran.output == "Si\tO\nAna\tB-PER\n.\tO\n\n", ran.errors


def test_a_line_can_be_a_sentence(salin: Callable, tmp_path: Path) -> None:
    path = tmp_path / "titles.txt"
    path.write_text("Si Ana\nsi Juan. si Eva\n", encoding="utf-8")
    ran = salin("tag", path, "--model", "rules:tl", "--format", "lines")
    assert [record["text"] for record in records(ran.output)] == ["Si Ana", "si Juan. si Eva"]


def test_a_link_in_a_text_is_no_mark(salin: Callable, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("See [Maria](Main_Page). Pumunta si Ana.\n", encoding="utf-8")
    tagged = records(salin("tag", path, "--model", "rules:tl").output)
    assert "".join(record["text"] for record in tagged).startswith("See [Maria](Main_Page).")
    (record,) = records(salin("tag", path, "--model", "rules:tl", "--format", "inline", "--on-error", "repair").output)
    assert record["text"].startswith("See Maria.")


def test_a_json_text_longer_than_a_window_is_tagged_to_its_end(
    salin: Callable, tagger_folder: Path, tmp_path: Path
) -> None:
    """It is taken as one sentence, so it is several windows to the model, of which none is lost."""
    text = "Maria Sousa joined Ajax in Lisbon. " * 12
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"text": text}) + "\n", encoding="utf-8")
    for options in ([], ["--adapt"]):
        (record,) = records(salin("tag", path, "--model", tagger_folder, *options).output)
        assert record["text"] == text
        assert all(entity["text"] == text[entity["start"] : entity["end"]] for entity in record["entities"])
        # A window holds three of the sentences; so small a tagger may overlook some, but no quarter of the text.
        assert {entity["start"] // (3 * 35) for entity in record["entities"]} == {0, 1, 2, 3}


@pytest.mark.parametrize("options", [[], ["--adapt"]], ids=["plain", "adapted"])
@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("nothing.txt", "", []),
        ("blank.txt", "\n  \n\t\n", []),
        ("blank.conll", "\n\n\n", []),
        ("blank.jsonl", '{"text": ""}\n{"text": " \\n "}\n', ["", " \n "]),
    ],
)
def test_input_without_a_word_comes_back_as_it_is(
    salin: Callable, tagger_folder: Path, tmp_path: Path, name: str, content: str, texts: list[str], options: list[str]
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    ran = salin("tag", tmp_path / name, "--model", tagger_folder, *options)
    assert ran.status == 0
    assert [(record["text"], record["entities"]) for record in records(ran.output)] == [(text, []) for text in texts]


def test_marked_text_for_people(salin: Callable, tagger_folder: Path, text_file: Path) -> None:
    ran = salin("tag", text_file, "--model", tagger_folder, "--to", "text")
    assert len(ran.output.splitlines()) == 3
    assert "](" in ran.output


def test_html_escapes_whatever_the_text_holds(salin: Callable, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    ran = salin("tag", "--model", "rules:tl", "--text", 'si <script>alert("1")</script> & si Ana\x00', "--out", page)
    assert ran.status == 0
    html = page.read_text("utf-8")
    assert "<script" not in html.partition("<body>")[2]
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp;" in html
    assert "<mark" in html
    assert "\x00" not in html


def test_the_ending_of_the_output_decides_its_format(salin: Callable, text_file: Path, tmp_path: Path) -> None:
    beginnings = {"a.jsonl": '{"text"', "a.conll": "Maria\t", "a.html": "<!doctype html>", "a.txt": "Maria"}
    for name, beginning in beginnings.items():
        assert salin("tag", text_file, "--model", "rules:tl", "--out", tmp_path / name).status == 0
        assert (tmp_path / name).read_text("utf-8").startswith(beginning)


def test_a_folder_is_tagged_into_a_folder(salin: Callable, text_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "deeper"
    folder.mkdir(parents=True)
    for name in ("a.txt", "b.txt", ".hidden"):
        (folder / name).write_text(TEXT, encoding="utf-8")
    out = tmp_path / "out"
    assert salin("tag", tmp_path / "in", "--model", "rules:tl", "--out", out).status == 0
    written = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert written == ["deeper/a.txt.jsonl", "deeper/b.txt.jsonl"]
    assert len(records((out / "deeper/a.txt.jsonl").read_text("utf-8"))) == 3


def test_several_files_go_into_one_output_in_order(salin: Callable, text_file: Path, corpora) -> None:
    ran = salin("tag", text_file, corpora.test, "--model", "rules:tl")
    assert len(records(ran.output)) == 3 + 8


def test_labels_can_be_renamed_and_dropped_in_what_is_given(
    salin: Callable, tagger_folder: Path, text_file: Path
) -> None:
    ran = salin("tag", text_file, "--model", tagger_folder, "--map", "PER=PERSON,ORG=O,LOC=O")
    assert {entity["label"] for record in records(ran.output) for entity in record["entities"]} <= {"PERSON"}


def test_a_threshold_leaves_out_what_is_less_sure(salin: Callable, tagger_folder: Path, text_file: Path) -> None:
    plain = records(salin("tag", text_file, "--model", tagger_folder).output)
    scores = sorted(entity["score"] for record in plain for entity in record["entities"])
    middle = scores[len(scores) // 2] - 1e-6  # scores are written with six digits
    kept = records(salin("tag", text_file, "--model", tagger_folder, "--threshold", middle).output)
    assert [e["score"] for r in kept for e in r["entities"]] == [
        e["score"] for r in plain for e in r["entities"] if e["score"] >= middle
    ]


def test_rules_need_no_model_and_have_no_scores(salin: Callable) -> None:
    (record,) = records(salin("tag", "--model", "rules:tl", "--text", "Pumunta si Juan sa Maynila.").output)
    assert ("Juan", "PER") in [(entity["text"], entity["label"]) for entity in record["entities"]]
    assert all("score" not in entity for entity in record["entities"])


def test_adapted_tags_say_what_they_learned_from(
    salin: Callable, tagger_folder: Path, text_file: Path, corpora
) -> None:
    command = ["tag", text_file, "--model", tagger_folder, "--adapt", "--source", corpora.train, "--k", 3]
    for record in records(salin(*command, "--neighbours").output):
        similarities = [neighbour["similarity"] for neighbour in record["neighbours"]]
        assert len(similarities) == 3
        assert similarities == sorted(similarities, reverse=True)
        assert all(n["text"] and n["entities"] for n in record["neighbours"])
    assert all("neighbours" not in record for record in records(salin(*command).output))
    assert "learned from" in salin(*command, "--neighbours", "--to", "html").output


def test_the_open_corpus_is_the_source_where_none_is_named(salin: Callable, tagger_folder: Path) -> None:
    ran = salin("tag", "--text", "Ana Reyes in Lisbon.", "--model", tagger_folder, "--adapt", "--neighbours")
    assert ran.status == 0
    assert len(records(ran.output)[0]["neighbours"]) == 2
    assert "MISC" in ran.errors  # the open corpus knows a label that this model does not


def test_neighbours_are_translated_where_a_lexicon_is_given(
    salin: Callable, tagger_folder: Path, text_file: Path, corpora, tmp_path: Path
) -> None:
    lexicon = tmp_path / "en-xx.tsv"
    words = {word for sentence in read(corpora.train) for word in sentence.tokens}
    lexicon.write_text("".join(f"{word}\t{word}xx\n" for word in words if word.isalpha()), encoding="utf-8")
    command = ["tag", text_file, "--model", tagger_folder, "--adapt", "--source", corpora.train, "--neighbours"]
    for record in records(salin(*command, "--source-lexicon", lexicon).output):
        assert all("xx" in neighbour["text"] for neighbour in record["neighbours"])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--k", "3"], "--adapt"),
        (["--source-lexicon", "en-es.tsv"], "--source-lexicon is about adaptation"),
        (["--neighbours"], "--adapt"),
        (["--adapt", "--neighbours", "--to", "conll"], "CoNLL has no place for neighbours"),
        (["--adapt"], "no weights"),
        (["--precision", "bf16"], "models that do not adapt"),
        (["--map", "GPE=LOC"], "there is no label 'GPE'"),
        (["--text", "a", "somewhere.txt"], "not both"),
    ],
)
def test_options_that_do_not_go_together(salin: Callable, options: list[str], reason: str) -> None:
    ran = salin("tag", "--model", "rules:tl", *options, stdin="si Ana")
    assert ran.status == 2
    assert reason in ran.errors
    assert not ran.output
