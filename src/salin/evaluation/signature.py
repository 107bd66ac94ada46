"""One line that says how a score was made, in the manner of sacrebleu (Post 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import unquote

from salin.errors import DataError

_NONE, _ALL = "none", "all"
# What separates fields, keys and list items must not occur inside a value.
_RESERVED = {character: f"%{ord(character):02X}" for character in "%|:+,"}


@dataclass(frozen=True, slots=True)
class Signature:
    """How a score was made; two scores may be compared when all but `seeds`, `windows` and `salin` agree.

    Where `salin` does not agree, `compare` compares all the same and says so.

    Attributes:
        labels: The entity types of the gold data, sorted.
        n: How many sentences were scored.
        data: The first twelve hexadecimal digits of the gold data's sha256; empty where there is no checksum.
        counted: The labels that the score was restricted to; empty when all count.
        seeds: Seeds of the runs; empty for a system without any.
        windows: How long sentences were cut for the system, such as `"128/63"` (pieces, of these shared with the next);
            empty when they were not.
        scheme: The tag scheme of the gold data; empty for formats with offsets.
        repair: How illegal tag sequences were read; empty where there are no tags.
        salin: Version of salin.
    """

    labels: tuple[str, ...]
    n: int
    data: str
    counted: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    windows: str = ""
    scheme: str = "IOB2"
    repair: str = "conlleval"
    salin: str = ""

    def __str__(self) -> str:
        fields = {
            "salin": _quote(self.salin) or _NONE,
            "scheme": _quote(self.scheme) or _NONE,
            "repair": _quote(self.repair) or _NONE,
            "labels": "+".join(map(_quote, self.labels)) or _NONE,
            "counted": "+".join(map(_quote, self.counted)) or _ALL,
            "windows": _quote(self.windows) or _NONE,
            "seeds": ",".join(map(str, self.seeds)) or _NONE,
            "n": str(self.n),
            "data": _quote(self.data) or _NONE,
        }
        return "|".join(f"{key}:{value}" for key, value in fields.items())

    @classmethod
    def parse(cls, line: str) -> Signature:
        """Reads a signature back.

        Raises:
            DataError: When the line is no signature.
        """
        try:
            fields = dict(field.split(":", 1) for field in line.strip().split("|"))
            return cls(
                labels=_split(fields["labels"], "+"),
                n=int(fields["n"]),
                data=_text(fields["data"]),
                counted=_split(fields["counted"], "+"),
                seeds=tuple(int(seed) for seed in _split(fields["seeds"], ",")),
                windows=_text(fields["windows"]),
                scheme=_text(fields["scheme"]),
                repair=_text(fields["repair"]),
                salin=_text(fields["salin"]),
            )
        except (KeyError, ValueError) as error:
            raise DataError(f"not a signature of salin: {line!r} ({error})") from None


def installed_version(package: str) -> str:
    """The version of an installed package, found without importing it; empty when it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _quote(value: str) -> str:
    if value in (_NONE, _ALL):
        return f"%{ord(value[0]):02X}{value[1:]}"
    return "".join(_RESERVED.get(character, character) for character in value)


def _split(value: str, separator: str) -> tuple[str, ...]:
    return () if value in (_NONE, _ALL) else tuple(unquote(part) for part in value.split(separator))


def _text(value: str) -> str:
    return "" if value == _NONE else unquote(value)
