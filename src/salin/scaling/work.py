"""What a worker does: reads a shard, tags it, writes its output, and then records that it is finished."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salin.corpus import Sentence, write
from salin.corpus.formats.source import Source
from salin.corpus.reading import sentences_of
from salin.errors import DataError, SalinError
from salin.scaling.manifest import Manifest, OutputFormat
from salin.scaling.shards import Hashed, InputFile, Shard, Stored, plan_file

# A shard that takes its worker down with it would otherwise be tried again without end.
_MOST_ATTEMPTS = 3
#: Tags sentences, lazily and in order.
Tag = Callable[[Iterable[Sentence]], Iterator[Sentence]]


class Result(Stored):
    """What came of a shard.

    Attributes:
        key: Its key.
        sentences: How many sentences were tagged.
        notes: What its reader repaired or skipped.
        error: Why it is not finished; empty when it is.
        mendable: Whether the user can do something about that.
        fatal: Whether no other shard will fare better: the tagger does not open.
    """

    key: str
    sentences: int = 0
    notes: tuple[str, ...] = ()
    error: str = ""
    mendable: bool = True
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class TagShards:
    """Makes, in a worker, what tags shards.

    Attributes:
        folder: The output folder.
        to: The format of the outputs.
        reading: How inputs are read: arguments of [iter_sentences][salin.corpus.reading.iter_sentences].
        open_tagger: Opens the tagger, once in each worker and when its first shard comes.
    """

    folder: Path
    to: OutputFormat
    reading: Mapping[str, Any]
    open_tagger: Callable[[], Tag]

    def __call__(self) -> Callable[[str], str]:
        """A function from a shard to what came of it, both as JSON; it raises nothing."""
        opened: list[Tag] = []

        def work(item: str) -> str:
            shard = Shard.model_validate_json(item)
            try:
                if not opened:
                    opened.append(self.open_tagger())
            except Exception as error:
                return _failure(shard, error, fatal=True)
            manifest = Manifest(self.folder)
            try:
                result = self._tagged(shard, opened[0], manifest).model_dump_json()
            except Exception as error:
                result = _failure(shard, error)
            manifest.forget_attempts(shard.key)
            return result

        return work

    def _tagged(self, shard: Shard, tag: Tag, manifest: Manifest) -> Result:
        if done := manifest.done(shard.key):
            # A worker died after it had recorded this and before it could say so.
            return Result(key=shard.key, sentences=done.sentences)
        if manifest.attempt(shard.key) > _MOST_ATTEMPTS:
            raise DataError(f"{_MOST_ATTEMPTS} workers died of it", path=shard.name, remedy="They may lack memory")
        reading = dict(self.reading)
        on_error = reading.pop("on_error", "strict")
        reading["format"] = "jsonl" if shard.parquet else shard.format
        hashed = Hashed()
        with shard.lines() as lines:
            source = Source(
                hashed(lines),
                shard.name,
                on_error,
                keep_tags=False,
                line=shard.part.line,
                offset=shard.part.offset,
            )
            tagged = _of_unchanged(shard, tag(sentences_of(source, labelled=False, **reading)))
            output = manifest.output(shard.key, self.to)
            count = _write(tagged, output, self.to)
        manifest.record(shard.key, output, hashed.hexdigest(), count)
        return Result(key=shard.key, sentences=count, notes=tuple(f"{shard.name}: {note}" for note in source.notes()))


class Planned(Stored):
    """A file that was cut into shards, or why it was not."""

    file: InputFile | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class PlanFiles:
    """Makes, in a worker, what cuts files into shards.

    Attributes:
        size: Bytes of a shard.
        reading: How the files are read.
    """

    size: int
    reading: Mapping[str, Any]

    def __call__(self) -> Callable[[str], str]:
        """A function from `NUMBER NAME` to what was planned, as JSON; it raises nothing."""

        def work(item: str) -> str:
            number, name = item.split(" ", 1)
            try:
                planned = Planned(file=plan_file(int(number), name, self.size, self.reading))
            except Exception as error:
                planned = Planned(error=str(error))
            return planned.model_dump_json()

        return work


def _of_unchanged(shard: Shard, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
    """Passes sentences on, and makes sure at both ends that the file is the one that was cut."""
    shard.check_unchanged()
    yield from sentences
    shard.check_unchanged()


def _write(sentences: Iterable[Sentence], path: Path, to: OutputFormat) -> int:
    if to == "jsonl":
        return write(sentences, path, to)
    from salin.scaling.parquet import write_parquet

    return write_parquet(sentences, path)


def _failure(shard: Shard, error: Exception, *, fatal: bool = False) -> str:
    mendable = isinstance(error, SalinError)
    reason = str(error) if mendable else "".join(traceback.format_exception(error)).strip()
    return Result(key=shard.key, error=reason, mendable=mendable, fatal=fatal).model_dump_json()
