"""The linter of the open corpus: are its sentences well marked, and are they really different from each other?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from salin.corpus.formats import inline
from salin.corpus.formats.source import Source
from salin.corpus.joining import writes_without_spaces
from salin.corpus.open_corpus import LABELS, split_of
from salin.corpus.sentence import Sentence
from salin.errors import DataError

# A sentence of fewer words besides its names (a dateline, a line of a results table) has a shape, not a wording.
_SKELETON_WORDS, _SKELETON_CHARACTERS = 3, 6
_GRAM_WORDS, _GRAM_CHARACTERS = 5, 8
_GRAM_SHARE = 0.01
# Share of the entity mentions of a test file that also occur, with the same type, in the training files of the set.
# As written, English has 22 % and the others 0 to 7 %; CoNLL-2003 test has 26 % against the first 1,000 sentences of
# its train, and the Spanish and Dutch tests of CoNLL-2002 have 9 and 7 % against all of it.
SEEN_ENGLISH = (0.15, 0.40)
SEEN_OTHER = (0.0, 0.15)
_LETTERS = re.compile(r"[^\W\d_]+")


class Problem(NamedTuple):
    """Something to mend, `line` counted from 1, or None for the file as a whole."""

    path: str
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.line is None else f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class LintReport:
    """What the linter found.

    Attributes:
        problems: In the order of the files.
        counts: For each file sentences, entities, entities of each label, and sentences without any.
        seen: For each test file the share of its entity mentions that the training files hold too.
    """

    problems: tuple[Problem, ...]
    counts: Mapping[str, Mapping[str, int]]
    seen: Mapping[str, float]


class _File(NamedTuple):
    path: str
    language: str
    split: str
    sentences: list[tuple[int, Sentence]]


def lint(paths: Iterable[str | Path]) -> LintReport:
    """Checks files of the open corpus, as one set.

    A problem is a bad mark or label; a sentence, or its skeleton (names replaced by their types; three words or six
    Chinese characters besides them at least), that stands twice anywhere in the set; five words (eight characters in
    Chinese) in a row in more than 1 % of a file's sentences; or a test file of which too many or too few entity
    mentions were seen in training: 15 to 40 % in English, at most 15 % in other languages.

    Args:
        paths: Files, named `<language>/<split>.txt`, or folders of such files.

    Raises:
        DataError: When a path does not exist.
    """
    problems: list[Problem] = []
    read = [_read(path, problems) for path in _files(paths)]
    problems += _repeated(read)
    for file in read:
        problems += _frequent_grams(file)
    seen = _seen(read)
    for file in read:
        if file.path in seen:
            low, high = SEEN_ENGLISH if file.language == "en" else SEEN_OTHER
            if not low <= seen[file.path] <= high:
                share = f"{seen[file.path]:.0%} of its entity mentions occur in train, not {low:.0%} to {high:.0%}"
                problems.append(Problem(file.path, None, share))
    order = {file.path: number for number, file in enumerate(read)}
    problems.sort(key=lambda p: (order[p.path], p.line or 0))
    return LintReport(tuple(problems), {file.path: _counts(file) for file in read}, seen)


def _files(paths: Iterable[str | Path]) -> Iterator[Path]:
    for path in map(Path, paths):
        if not path.exists():
            raise DataError("there is no such file or folder", path=path)
        yield from sorted(path.rglob("*.txt")) if path.is_dir() else [path]


def _read(path: Path, problems: list[Problem]) -> _File:
    """Reads line by line, so that one bad line does not hide the next."""
    sentences: list[tuple[int, Sentence]] = []
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                for sentence in inline.read(Source([line], str(path))):
                    sentences.append((number, sentence))
                    problems += [Problem(str(path), number, message) for message in _odd_marks(sentence)]
            except DataError as error:
                problems.append(Problem(str(path), number, error.reason))
    return _File(str(path), path.parent.name, split_of(path.name), sentences)


def _odd_marks(sentence: Sentence) -> Iterator[str]:
    for entity in sentence.entities:
        if entity.label not in LABELS:
            yield f"the label {entity.label} of {entity.text!r} is none of {' '.join(LABELS)}"
    if sentence.text != sentence.text.strip():
        yield "white space at the edge of the sentence"
    if re.search(rf"\((?:{'|'.join(LABELS)})\)", sentence.text):
        yield "a type in brackets without a mark before it"


def _repeated(files: Iterable[_File]) -> Iterator[Problem]:
    texts: dict[str, str] = {}
    skeletons: dict[str, str] = {}
    for file in files:
        for line, sentence in file.sentences:
            here = f"{file.path}:{line}"
            if (first := texts.setdefault(sentence.text, here)) != here:
                yield Problem(file.path, line, f"the same sentence as {first}")
                continue
            skeleton = _skeleton(sentence)
            if skeleton and (first := skeletons.setdefault(skeleton, here)) != here:
                yield Problem(file.path, line, f"the same skeleton as {first}: {skeleton}")


def _skeleton(sentence: Sentence) -> str | None:
    parts: list[str] = []
    rest: list[str] = []
    position = 0
    for entity in sentence.entities:
        parts += [sentence.text[position : entity.start].lower(), entity.label]
        rest.append(sentence.text[position : entity.start])
        position = entity.end
    parts.append(sentence.text[position:].lower())
    words = _LETTERS.findall(" ".join([*rest, sentence.text[position:]]))
    if writes_without_spaces(words):
        enough = sum(map(len, words)) >= _SKELETON_CHARACTERS
    else:
        enough = len(words) >= _SKELETON_WORDS
    return "".join(parts) if enough else None


def _frequent_grams(file: _File) -> Iterator[Problem]:
    unspaced = writes_without_spaces(token for _, sentence in file.sentences for token in sentence.tokens)
    size = _GRAM_CHARACTERS if unspaced else _GRAM_WORDS
    grams: Counter[tuple[str, ...]] = Counter()
    for _, sentence in file.sentences:
        pieces: Sequence[str] = list(sentence.text) if unspaced else sentence.text.split()
        grams.update({tuple(pieces[i : i + size]) for i in range(len(pieces) - size + 1)})
    for gram, count in grams.most_common():
        if count < 2 or count <= _GRAM_SHARE * len(file.sentences):
            return
        what = f"{'' if unspaced else ' '}".join(gram)
        yield Problem(file.path, None, f"{what!r} stands in {count} of {len(file.sentences)} sentences")


def _seen(files: Sequence[_File]) -> dict[str, float]:
    train = {mention for file in files if file.split == "train" for mention in _mentions(file)}
    tests = [file for file in files if file.split == "test" and train]
    return {
        file.path: sum(m in train for m in mentions) / len(mentions)
        for file in tests
        if (mentions := list(_mentions(file)))
    }


def _mentions(file: _File) -> Iterator[tuple[str, str]]:
    return ((entity.text, entity.label) for _, sentence in file.sentences for entity in sentence.entities)


def _counts(file: _File) -> dict[str, int]:
    labels = Counter(entity.label for _, sentence in file.sentences for entity in sentence.entities)
    bare = sum(not sentence.entities for _, sentence in file.sentences)
    return {
        "sentences": len(file.sentences),
        "entities": labels.total(),
        **dict(sorted(labels.items())),
        "without entities": bare,
    }
