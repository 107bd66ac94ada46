"""Whether the memory of `salin wikipedia-pairs` stays flat: its resident size while it reads a dump of some size.

    python benchmarks/wikipedia_memory.py                   # 1,000 MB; writes results/benchmarks/wikipedia_memory.json
    python benchmarks/wikipedia_memory.py --quick           # ten megabytes, for trying it
    python benchmarks/wikipedia_memory.py --megabytes 5000

The dump is made up: articles of some paragraphs, with links, references and templates, of which one in twenty has a
language link to a name that is sought. The size is taken twice a second, and compared as in tag_memory.py.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measuring import Row, arguments, growth, save, tell, watch_memory

NAMES = 2000
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
        for option in ("langlinks", "properties", "articles"):
            command += [f"--{option}", folder / option]
        sizes, seconds = watch_memory([*command, "--out", folder / "pairs.jsonl"])
        with open(folder / "pairs.jsonl", encoding="utf-8") as file:
            pairs = sum(1 for _ in file)
    row = Row(
        f"{megabytes:,g} MB of articles", "salin wikipedia-pairs", "memory", "its second quarter", growth(sizes),
        most=1.05, note=f"last half; {max(sizes):.0f} MB at its peak, {articles:,} articles, {pairs:,} pairs, "
        f"{seconds:,.0f} s", more={"megabytes": [round(size, 1) for size in sizes[:: max(1, len(sizes) // 100)]]},
    )  # fmt: skip
    save(chosen, "wikipedia_memory", [tell(row)])


def _write(folder: Path, size: int) -> int:
    """Writes names and dumps until the articles have a size, and says how many there are."""
    names = [f"Town{number}" for number in range(NAMES)]
    (folder / "names.conll").write_text("".join(f"{name} B-LOC\n\n" for name in names), encoding="utf-8")
    written = count = 0
    links: list[str] = []
    with open(folder / "articles", "wb") as file:
        file.write(HEAD.encode())
        while written < size:
            count += 1
            if count % 20 == 0 and len(links) < NAMES:
                links.append(f"({count},'en','{names[len(links)]}')")
            page = (
                f"<page><title>Город{count}</title><ns>0</ns><id>{count}</id><revision><text>{{{{Карточка|имя=x}}}}\n"
                f"'''Город{count}''' — это [[город]] номер {count} в стране.\n\n{TEXT.replace('<', '&lt;')}</text>"
                "</revision></page>\n"
            )
            written += file.write(page.encode())
        file.write(b"</mediawiki>\n")
    rows = f"INSERT INTO `langlinks` VALUES {','.join(links)};\n"  # noqa: S608
    (folder / "langlinks").write_text(rows, encoding="utf-8")
    text = "INSERT INTO `page_props` VALUES (1,'disambiguation','',NULL);\n"
    (folder / "properties").write_text(text, encoding="utf-8")
    return count


if __name__ == "__main__":
    main()
