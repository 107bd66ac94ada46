"""Tags what was planned, one output after the other, with a counter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from salin.cli.console import counted, counting, note, output
from salin.cli.inputs import STANDARD, TaggingJob
from salin.cli.live import LiveLines, tag_live
from salin.cli.outputs import OutputFormat, write_tagged
from salin.cli.tagging import Finishing
from salin.corpus import Sentence, SentenceTagger, TagsText, iter_sentences


def run_jobs(
    jobs: Sequence[TaggingJob],
    written_as: OutputFormat,
    tagger: SentenceTagger,
    finishing: Finishing,
    reading: dict[str, Any],
    *,
    text: str | None,
) -> None:
    """Tags the inputs of each job into its output.

    Args:
        jobs: What goes where.
        written_as: The format of the outputs.
        tagger: What tags; `text` goes to one that takes text.
        finishing: What becomes of its entities.
        reading: Arguments of salin's readers, the language among them.
        text: Tagged instead of the inputs, as a whole; None is the inputs.
    """
    shows_text = output.is_terminal and any(job.output is None for job in jobs)
    with counting("sentences", show=not shows_text) as bar:
        for done, job in enumerate(jobs):
            if text is not None:
                assert isinstance(tagger, TagsText)
                tagged: Iterable[Sentence] = [tagger.tag(text, language=reading["language"])]
            elif job.inputs == (STANDARD,) and (lines := LiveLines.of_standard_input()) is not None:
                tagged = tag_live(lines, tagger, reading)
            else:
                read = (iter_sentences(path, labelled=False, **reading) for path in job.inputs)
                tagged = tagger.tag_sentences(chain.from_iterable(read))
            title = "tagging" if len(jobs) == 1 else str(job.inputs[0])
            try:
                write_tagged(counted(finishing.finished(tagged), bar, title), job.output, written_as)
            except BaseException:
                if done:
                    note(f"{done:,} of {len(jobs):,} files are done, the last of them {jobs[done - 1].output}")
                raise
