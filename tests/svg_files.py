"""What an SVG figure of salin's shows, for tests that look at it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

_SVG = "{http://www.w3.org/2000/svg}"
Point = tuple[float, float]


def texts(file: Path) -> list[str]:
    """The lines of text in it."""
    return ["".join(text.itertext()) for text in ElementTree.parse(file).iter(f"{_SVG}text")]


def dots(file: Path, name: str) -> list[Point]:
    """Where the dots of one named part are: x to the right and y downwards."""
    return [(float(use.get("x", "")), float(use.get("y", ""))) for use in _part(file, name).iter(f"{_SVG}use")]


def lines(file: Path, name: str) -> list[tuple[Point, ...]]:
    """The points of each line of one named part."""
    paths = [path.get("d", "") for path in _part(file, name).iter(f"{_SVG}path")]
    points = [[float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", path)] for path in paths]
    return [tuple(zip(numbers[::2], numbers[1::2], strict=True)) for numbers in points]


def _part(file: Path, name: str) -> ElementTree.Element:
    (part,) = [group for group in ElementTree.parse(file).iter(f"{_SVG}g") if group.get("id") == name]
    return part
