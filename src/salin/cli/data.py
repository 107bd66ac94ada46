"""`salin data`: the catalogue of data sets, and a look into a corpus before training on it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from salin.cli import options

if TYPE_CHECKING:
    from salin.corpus.statistics import Leak, Statistics

app = typer.Typer(name="data", help="List, get, add and inspect data sets.", no_args_is_help=True)


@app.command("list")
def list_(
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Take all checksums anew. Default: of files that may have changed since.",
        ),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """List the data sets that salin knows, with their licences, and your own."""
    from salin.cli.console import output, print_json
    from salin.corpus.catalogue import data_folder, list_datasets
    from salin.corpus.checked import CheckedFiles

    datasets, checked = list_datasets(), CheckedFiles(data_folder(), anew=check)
    states = [{file.state(sha256=checked.sha256) for file in dataset.files.values()} for dataset in datasets]
    checked.save()
    # Of several files, that of the worst.
    worst = [next(state for state in ("changed", "missing", "here") if state in found) for found in states]
    if as_json:
        print_json([{**asdict(dataset), "state": state} for dataset, state in zip(datasets, worst, strict=True)])
        return
    headings = ("name", "language", "splits", "state", "weights may be published", "licence")
    # Other columns are wrapped before the name, which one has to type, and nothing is cut off.
    table = Table(*(Column(heading, overflow="fold", no_wrap=heading == "name") for heading in headings), box=None)
    for dataset, state in zip(datasets, worst, strict=True):
        table.add_row(
            *map(Text, (dataset.name, dataset.language, " ".join(dataset.files), state)),
            *map(Text, ("yes" if dataset.ship else "no", dataset.licence)),
        )
    output.print(table)


@app.command()
def get(
    names: Annotated[list[str], typer.Argument(help="Such as conll2002/es.", metavar="NAME...")],
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="URL", help="A server or a folder that holds ner/... Default: SALIN_DATA_URL."),
    ] = None,
) -> None:
    """Get data sets, check them against their checksums, and print where their files are, and whom to cite."""
    from rich.progress import DownloadColumn, Progress, TaskID, TextColumn

    from salin.cli.console import errors, note
    from salin.corpus.catalogue import find_dataset
    from salin.corpus.download import get_dataset

    columns = TextColumn("{task.description}"), DownloadColumn()
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def show(path: str, done: int, total: int) -> None:
            if path not in tasks:
                tasks[path] = bar.add_task(path, total=total)
            bar.update(tasks[path], completed=done)

        for name in names:
            for split, path in get_dataset(name, base=base, progress=show).items():
                sys.stdout.write(f"{name}\t{split}\t{path}\n")
            dataset = find_dataset(name)
            for what in ("licence", "citation", "home", "note"):
                if value := getattr(dataset, what):
                    note(f"{name}: {what}: {value}")


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="Labelled sentences in any format that salin reads.", metavar="FILE")],
    name: Annotated[str | None, typer.Option("--name", help="What to call it. Default: the file's name.")] = None,
    language: Annotated[str, typer.Option("--language", metavar="CODE", help="ISO 639 code.")] = "",
    licence: Annotated[str, typer.Option("--licence", help="For the record; salin concludes nothing from it.")] = "",
    ship: Annotated[
        bool, typer.Option("--ship", help="Its licence lets you publish weights derived from it. Default: it does not.")
    ] = False,
    format: options.Format = "auto",
    on_error: options.BadLines = "strict",
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    offsets: options.SpanOffsets = None,
) -> None:
    """Add a file of your own to the list; it stays where it is.

    How it is to be read is kept, and holds wherever a command is given its name.
    """
    from salin.cli.console import note
    from salin.cli.corpora import ReadOptions
    from salin.corpus.catalogue import add_dataset, list_datasets

    own = {dataset.name: dataset.files["data"].path for dataset in list_datasets() if dataset.own}
    reading = ReadOptions(format, on_error, token_column, tag_column, offsets).arguments()
    added = add_dataset(file, name=name, language=language, licence=licence, ship=ship, reading=reading)
    for remark in (added.title, added.note):
        if remark:
            note(f"{added.name}: {remark}")
    before = own.get(added.name)
    if before is not None and before != added.files["data"].path:
        note(f"{added.name}: this took the place of {before}")


@app.command()
def stats(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Labelled sentences: files, or data sets such as conll2002/es/test; conll2002/es is all of its files.",
            metavar="FILE...",
        ),
    ],
    train: Annotated[
        Path | None, typer.Option("--train", metavar="FILE", help="Say how much of each file was seen in this one.")
    ] = None,
    label_map: options.LabelMap = None,
    format: options.Format = "auto",
    on_error: options.BadLines = "strict",
    token_column: options.TokenColumn = None,
    tag_column: options.TagColumn = None,
    offsets: options.SpanOffsets = None,
    as_json: options.AsJson = False,
) -> None:
    """Count what is in corpora, duplicates and contradictions too, and what leaks from training data into them."""
    from salin.cli.console import output, print_json
    from salin.cli.corpora import ReadOptions, data_files, read_corpora
    from salin.corpus.statistics import corpus_statistics, find_leak

    reading = ReadOptions(format, on_error, token_column, tag_column, offsets)
    files = [file for name in files for file in data_files(name)]
    corpora = read_corpora([*files, *([train] if train else [])], label_map, reading)
    trained_on = corpora.pop() if train else None
    counted = [corpus_statistics(corpus) for corpus in corpora]
    leaks = [find_leak(trained_on, corpus) if trained_on is not None else None for corpus in corpora]
    if as_json:
        print_json([
            {"file": str(file), **asdict(found), "leak": asdict(leak) if leak else None}
            for file, found, leak in zip(files, counted, leaks, strict=True)
        ])  # fmt: skip
        return
    for file, found, leak in zip(files, counted, leaks, strict=True):
        output.print(_table(file, found, leak))


def _table(file: Path, found: Statistics, leak: Leak | None) -> Table:
    from salin.corpus.statistics import LEAK_WORDS

    rows = {
        "sentences": f"{found.sentences:,}, {found.without_entities:,} of them without entities",
        "words": f"{found.words:,}; {found.mean_words:.1f} a sentence, half have at most {found.median_words}, "
        f"the longest {found.most_words:,}",
        "entities": ", ".join(f"{label} {count:,}" for label, count in found.entities.items()) or "none",
        "different names": f"{found.mentions:,}",
        "scheme": found.scheme or "none",
        "repeated sentences": f"{found.duplicates:,}, {found.conflicts:,} of them with other entities",
    }
    if leak is not None:
        of = f"{leak.sentences:,} that have {LEAK_WORDS} words or more"
        rows["sentences seen before"] = f"{leak.seen_sentences:,} of {of} ({leak.sentence_share:.1%})"
        rows["entities seen before"] = f"{leak.seen_entities:,} of {leak.entities:,} ({leak.entity_share:.1%})"
    table = Table(title=Text(str(file)), title_justify="left", show_header=False, box=None)
    for name, value in rows.items():
        table.add_row(Text(name), Text(value))
    return table


@app.command()
def lint(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files named LANGUAGE/SPLIT.txt or folders of such. Default: the open corpus.", metavar="[PATH]..."
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Check files in the markup of the open corpus for bad marks, repetition and leaks. Status 1 when there are any."""
    from importlib.resources import as_file, files

    from salin.cli.console import note, print_json
    from salin.corpus.lint import lint as check

    if paths:
        report = check(paths)
    else:
        with as_file(files("salin") / "assets" / "open-corpus") as folder:
            report = check(part for part in sorted(folder.iterdir()) if part.is_dir())
    if as_json:
        problems = [problem._asdict() for problem in report.problems]
        print_json({"problems": problems, "counts": report.counts, "seen": report.seen})
    else:
        for problem in report.problems:
            sys.stdout.write(f"{problem}\n")
        for path, counts in report.counts.items():
            note(f"{path}: " + ", ".join(f"{count:,} {what}" for what, count in counts.items()))
    if report.problems:
        raise typer.Exit(1)
