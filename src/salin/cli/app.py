"""All commands under one name, and what becomes of errors: one line on standard error and a status that says why."""

from __future__ import annotations

import errno
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from salin.cli import (
    analyse,
    compare,
    data,
    evaluate,
    export,
    finetune,
    finetune_llm,
    index,
    info,
    neighbours,
    pretrain,
    rank_sources,
    run,
    tag,
    train,
    translate,
    wikipedia_pairs,
)
from salin.cli.console import NoteHandler, fail
from salin.cli.launcher import check_command, end_at_once, is_main
from salin.errors import SalinError

_EPILOG = (
    "Status: 0 when all went well, 1 when a check found something or salin itself broke, 2 for input that you can "
    "mend, 130 when interrupted, 143 when terminated."
)

app = typer.Typer(
    name="salin",
    help="Named-entity recognition for languages that nobody has labelled.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("tag", rich_help_panel="Use")(tag.tag)
app.command("translate", rich_help_panel="Use")(translate.translate)
app.command("neighbours", rich_help_panel="Use")(neighbours.neighbours)
app.command("index", rich_help_panel="Use")(index.index)
app.command("export", rich_help_panel="Use")(export.export)
app.command("info", rich_help_panel="Use")(info.info)
app.command("rank-sources", rich_help_panel="Train")(rank_sources.rank_sources)
app.command("train", rich_help_panel="Train")(train.train)
app.command("finetune", rich_help_panel="Train")(finetune.finetune)
app.command("pretrain", rich_help_panel="Train")(pretrain.pretrain)
app.command("finetune-llm", rich_help_panel="Train")(finetune_llm.finetune_llm)
app.command("wikipedia-pairs", rich_help_panel="Train")(wikipedia_pairs.wikipedia_pairs)
app.command("evaluate", rich_help_panel="Measure")(evaluate.evaluate)
app.command("compare", rich_help_panel="Measure")(compare.compare)
app.command("run", rich_help_panel="Measure")(run.run)
app.add_typer(analyse.app, name="analyse", rich_help_panel="Measure")
app.add_typer(data.app, name="data", rich_help_panel="Data")


def _show_version(wanted: bool) -> None:
    if wanted:
        import salin

        sys.stdout.write(f"salin {salin.__version__}\n")
        raise typer.Exit


@app.callback()
def _common(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    check_command(context.invoked_subcommand)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[NoteHandler()])


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line.

    Args:
        arguments: Without the program's name; by default those of the process.

    Raises:
        SystemExit: Always, with the status.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # An argument that is not UTF-8 reaches Python as halves of surrogate pairs, which are written escaped.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminated)
        if not is_main():
            end_at_once()
    try:
        try:
            # It ends by SystemExit itself, with 2 after wrong options and 130 after Ctrl-C.
            app(None if arguments is None else list(arguments), prog_name="salin")
        finally:
            sys.stdout.flush()
    except SalinError as error:
        fail(str(error))
        sys.exit(2)
    except BrokenPipeError:
        _drop_output()
        sys.exit(1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        fail(f"{error.filename or 'standard output'}: {error.strerror}")
        _drop_output()
        sys.exit(2)


def _terminated(number: int, _: object) -> NoReturn:
    """Ends as after an error, so that nothing half-written stays behind."""
    sys.exit(128 + number)


def _drop_output() -> None:
    """Sends what is still in the buffer nowhere, so that the interpreter does not complain about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
