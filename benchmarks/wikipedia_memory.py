"""Whether the memory of `salin wikipedia-pairs` stays flat: its resident size while it reads a dump of some size.

    python benchmarks/wikipedia_memory.py                   # 1,000 MB; writes results/benchmarks/wikipedia_memory.json
    python benchmarks/wikipedia_memory.py --quick           # ten megabytes, for trying it
    python benchmarks/wikipedia_memory.py --megabytes 5000

The dumps are made up: articles of some paragraphs, with links, references and templates, of which one in twenty has a
language link to a name that is sought, and all have links to other languages and properties. The size is taken twice a
second, and compared as in tag_memory.py.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TextIO

from measuring import Row, arguments, growth, save, tell, watch_memory

NAMES = 2000
LANGUAGES = ("ar", "de", "es", "fr", "ja", "pl", "pt", "zh")
TEXT = "Текст о [[город|городе]] и людях, которые там живут.<ref>[[Книга]]</ref> {{шаблон|один}} " * 20
HEAD = '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/">\n'


def main() -> None:
    """Runs it and writes the result."""
    options = arguments(__doc__)
    options.add_argument("--megabytes", type=float, default=1000)
    chosen = options.parse_args()
    megabytes = 10 if chosen.quick else chosen.megabytes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        articles = _write(folder, int(megabytes * 1e6))
        command = [sys.executable, "-m", "salin", "wikipedia-pairs", folder / "names.conll", "--language", "ru"]
        for option, name in (("langlinks", "langlinks"), ("properties", "page_props"), ("articles", "articles")):
            command += [f"--{option}", folder / name]
        sizes, seconds = watch_memory([*command, "--out", folder / "pairs.jsonl"])
        with open(folder / "pairs.jsonl", encoding="utf-8") as file:
            pairs = sum(1 for _ in file)
    row = Row(
        f"{megabytes:,g} MB of dumps", "salin wikipedia-pairs", "memory", "its second quarter", growth(sizes),
        most=1.05, note=f"last half; {max(sizes):.0f} MB at its peak, {articles:,} articles, {pairs:,} pairs, "
        f"{seconds:,.0f} s", more={"megabytes": [round(size, 1) for size in sizes[:: max(1, len(sizes) // 100)]]},
    )  # fmt: skip
    save(chosen, "wikipedia_memory", [tell(row)])


def _write(folder: Path, size: int) -> int:
    """Writes names and dumps until these have a size, and says how many articles there are."""
    names = [f"Town{number}" for number in range(NAMES)]
    (folder / "names.conll").write_text("".join(f"{name} B-LOC\n\n" for name in names), encoding="utf-8")
    count = written = 0
    with (
        open(folder / "articles", "wb") as file,
        open(folder / "langlinks", "w", encoding="utf-8") as link_file,
        open(folder / "page_props", "w", encoding="utf-8") as property_file,
    ):
        links, properties = Inserts(link_file, "langlinks"), Inserts(property_file, "page_props")
        file.write(HEAD.encode())
        properties.add("(1,'disambiguation','',NULL)")
        while written + links.written + properties.written < size:
            count += 1
            if count % 20 == 0 and count // 20 <= NAMES:
                links.add(f"({count},'en','{names[count // 20 - 1]}')")
            for language in LANGUAGES:
                links.add(f"({count},'{language}','A town in the country, the one with the number {count}')")
            for name in ("wikibase_item", "page_image_free", "defaultsort"):
                properties.add(f"({count},'{name}','Q{count}',NULL)")
            page = (
                f"<page><title>Город{count}</title><ns>0</ns><id>{count}</id><revision><text>{{{{Карточка|имя=x}}}}\n"
                f"'''Город{count}''' — это [[город]] номер {count} в стране.\n\n{TEXT.replace('<', '&lt;')}</text>"
                "</revision></page>\n"
            )
            written += file.write(page.encode())
        file.write(b"</mediawiki>\n")
        links.end()
        properties.end()
    return count


class Inserts:
    """An SQL dump as Wikipedia has them: a statement a line, each of about a megabyte.

    Args:
        file: Where it goes.
        table: The name of the table.

    Attributes:
        written: Characters so far, in statements that are whole.
    """

    def __init__(self, file: TextIO, table: str):
        self._file, self._table = file, table
        self._line = self.written = 0

    def add(self, row: str) -> None:
        """Adds a row."""
        if self._line > 1_000_000:
            self.end()
        begin = "," if self._line else f"INSERT INTO `{self._table}` VALUES "  # noqa: S608
        self._line += self._file.write(begin + row)

    def end(self) -> None:
        """Ends a statement."""
        self._file.write(";\n")
        self.written, self._line = self.written + self._line, 0


if __name__ == "__main__":
    main()
