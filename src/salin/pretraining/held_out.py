"""Which lines of a language are kept from training: a random share that depends on nothing but their text."""

from __future__ import annotations

# At most this share of the lines, and at most so many different ones.
_SHARE, _MOST = 0.01, 1000


class HeldOut:
    """Chooses the lines with the lowest fingerprints while all lines come by, in constant memory.

    So the choice is random, the same whatever the order of the text, and nearly the same when text is added. All lines
    with the same text are held out together.
    """

    def __init__(self) -> None:
        # The number of the first line with a fingerprint, and how many there are.
        self._lowest: dict[int, tuple[int, int]] = {}
        self._highest = 0

    def see(self, fingerprint: int, line: int) -> None:
        """Looks at a line, of which the number is given."""
        if fingerprint in self._lowest:
            first, count = self._lowest[fingerprint]
            self._lowest[fingerprint] = first, count + 1
        elif len(self._lowest) < _MOST or fingerprint < self._highest:
            self._lowest[fingerprint] = line, 1
            if len(self._lowest) > _MOST:
                del self._lowest[self._highest]
            if len(self._lowest) >= _MOST:
                self._highest = max(self._lowest)

    def choice(self, lines: int) -> dict[int, int]:
        """The lines to hold out of so many: the number of the first with each fingerprint, and the fingerprint."""
        chosen: dict[int, int] = {}
        room = int(lines * _SHARE)
        for fingerprint in sorted(self._lowest):
            first, count = self._lowest[fingerprint]
            if count <= room:  # one that stands everywhere would take the text away
                room -= count
                chosen[first] = fingerprint
        return dict(sorted(chosen.items()))
