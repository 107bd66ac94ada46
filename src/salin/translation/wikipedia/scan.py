"""Goes through a dump once, whatever interrupts it: what a killed run has written stays, and the next one goes on."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from salin.errors import DataError
from salin.files import named_refusals, write_json
from salin.translation.wikipedia.articles import Article
from salin.values import is_object

_SECONDS_BETWEEN_NOTES = 5.0


def scan(
    articles: Callable[[], Iterable[Article]],
    out: Path,
    made_of: str,
    rows: Callable[[Article, Counter[str]], Iterator[dict[str, Any]]],
) -> Counter[str]:
    """Writes what `rows` makes of each article, a JSON object a line.

    Beside the output stand, until it is whole, `NAME.part` and `NAME.part.json`, which says how far it is.

    Args:
        articles: Begins to read the dump.
        out: The output; it appears when it is whole.
        made_of: Fingerprint of what it is made of. A part that was made of other things is begun anew.
        rows: What becomes of an article; counts what it drops.

    Returns:
        The counts.

    Raises:
        DataError: When the output cannot be written.
    """
    part, notes = out.with_name(f"{out.name}.part"), out.with_name(f"{out.name}.part.json")
    done, size, counts = _noted(part, notes, made_of)
    with named_refusals(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "r+b" if size else "wb") as file:
            file.truncate(size)
            file.seek(size)
            noted = time.monotonic()
            for article in islice(articles(), done, None):
                for row in rows(article, counts):
                    file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
                done += 1
                if time.monotonic() - noted > _SECONDS_BETWEEN_NOTES:
                    # Only what is on disk is noted.
                    file.flush()
                    os.fsync(file.fileno())
                    write_json(notes, {"made_of": made_of, "articles": done, "bytes": file.tell(), "counts": counts})
                    noted = time.monotonic()
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, out)
        notes.unlink(missing_ok=True)
    return counts


def _noted(part: Path, notes: Path, made_of: str) -> tuple[int, int, Counter[str]]:
    """How many articles are done, how many bytes they made, and their counts."""
    try:
        value: Any = json.loads(notes.read_text(encoding="utf-8"))
        size = part.stat().st_size
    except FileNotFoundError:
        return 0, 0, Counter()
    except ValueError as error:
        raise DataError(f"damaged: {error}", path=notes, remedy="Delete it to begin anew") from error
    if not is_object(value) or value.get("made_of") != made_of or size < value["bytes"]:
        return 0, 0, Counter()
    return value["articles"], value["bytes"], Counter(value["counts"])
