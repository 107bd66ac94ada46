"""What all figures have in common: how they look, and how they are written. What is drawn stands elsewhere.

matplotlib is an extra. It is used without pyplot, whose figures are global and may open windows, and with its own
defaults, whatever a user's matplotlibrc says: the same figures are the same bytes everywhere.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salin.errors import SettingError
from salin.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The blue of Okabe and Ito's palette, which the colour-blind tell from black; in print it is a dark grey. Nothing is
# told by colour alone.
BLUE = "#0072B2"
# The palette behind that blue, without yellow, which print hardly shows; markers tell the same without colours.
COLOURS = (BLUE, "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = "os^Dvx"
# What keeps the time of writing out of each kind of file.
_UNDATED: dict[str, dict[str, None]] = {".svg": {"Date": None}, ".png": {}, ".pdf": {"CreationDate": None}}
_STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": "medium",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "0.88",
    "savefig.dpi": 200,
    "text.parse_math": False,  # a dollar sign in a title is one
    "svg.fonttype": "none",  # text stays text: it can be searched, copied and read aloud
    "svg.hashsalt": "salin",
    "pdf.fonttype": 42,  # TrueType, which publishers ask for
}


def check_figure(file: str | Path) -> None:
    """Refuses a figure that could not be written, so that nobody has to wait for the refusal.

    Raises:
        SettingError: When its suffix is not known, or matplotlib is not installed.
    """
    suffix = Path(file).suffix
    if suffix.lower() not in _UNDATED:
        raise SettingError(f"{file}: a figure is a file in {', '.join(_UNDATED)}; {suffix!r} is none of these")
    try:
        import matplotlib.figure  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise SettingError("figures need matplotlib, which is not installed: pip install 'salin[plots]'") from error


@contextmanager
def new_figure(file: str | Path, width: float, height: float) -> Generator[Figure]:
    """Gives an empty figure, which is written when the block ends without an error.

    Args:
        file: Its suffix says what is written: .svg, .png or .pdf.
        width: In inches.
        height: In inches.

    Yields:
        The figure; its parts are laid out so that they do not overlap.

    Raises:
        SettingError: When the suffix is not known, or matplotlib is not installed.
        DataError: When the file cannot be written.
    """
    check_figure(file)
    import matplotlib.style
    from matplotlib.figure import Figure

    suffix = Path(file).suffix.lower()
    with matplotlib.style.context(["default", _STYLE]):
        figure = Figure((width, height), layout="constrained")
        yield figure
        with atomic_write(file, "wb") as written:
            figure.savefig(  # pyright: ignore[reportUnknownMemberType]
                written, format=suffix[1:], metadata=_UNDATED[suffix]
            )
