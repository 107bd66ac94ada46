"""Silver data of a recipe: text of the tests' languages, tagged by way of English before a tagger is trained on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from salin.corpus import Corpus, Sentence, iter_sentences, read, write
from salin.errors import DataError
from salin.experiments.corpora import Corpora
from salin.experiments.translating import SilverData
from salin.files import write_json
from salin.models import Tagger
from salin.translation import SilverTagger, TranslationTagger, open_translator
from salin.translation.word_links import EncoderLinks


def silver_corpora(how: SilverData, english: Tagger, corpora: Corpora, folder: Path) -> dict[str, Corpus]:
    """For each test a corpus of its language, made now or found where an interrupted run has left it.

    Args:
        how: Says what is tagged, and by what translators.
        english: Tags translations.
        corpora: Of the label set; no label of a test is read here, and no sentence of one is trained on.
        folder: Where the corpora go, as `silver-TEST.jsonl`, each with what was left out.

    Raises:
        DataError: When no sentence of a text is sure enough.
    """
    return {test: _corpus(how, english, corpora, test, folder / f"silver-{test}.jsonl") for test in corpora.tests}


def silver_counts(folder: Path) -> dict[str, Any]:
    """For each test how many sentences there are, and for each reason how many were left out.

    Args:
        folder: Where `silver_corpora` wrote.
    """
    return {
        path.stem.removeprefix("silver-"): json.loads(path.read_text("utf-8"))
        for path in sorted(folder.glob("silver-*.json"))
    }


def _corpus(how: SilverData, english: Tagger, corpora: Corpora, test: str, path: Path) -> Corpus:
    if not path.exists():
        translator = open_translator(how.translators[test], labels=english.labels, language=how.languages.get(test))
        links = EncoderLinks.of(english) if how.word_alignment else None
        tagger = SilverTagger(TranslationTagger(translator, english, word_links=links), how.least)
        text = list(_text(how.text[test]))
        tested = {sentence.text for sentence in corpora.tests[test]}
        new = [sentence for sentence in text if sentence.text not in tested]
        tagged = list(tagger.tag_sentences(new))
        if not tagged:
            raise DataError(
                f"nothing of the text for {test} could be kept: {tagger.describe()}", remedy="Give more text"
            )
        counts = {"sentences": tagger.kept, "in the test": len(text) - len(new), **tagger.left_out}
        # The corpus comes last: where it is, all is.
        write_json(path.with_suffix(".json"), counts)
        write(tagged, path, "jsonl")
    # Of what no sentence holds an entity is annotated all the same.
    corpus = replace(read(path), name=f"silver {test}", language=test, labels=english.labels)
    return corpora.mapped(corpus)


def _text(files: tuple[Path, ...]) -> Iterator[Sentence]:
    for file in files:
        yield from iter_sentences(file, labelled=False)
