"""Baselines by name, as the command line and recipes ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from salin.baselines.capitalisation import Capitalisation
from salin.baselines.gazetteer import Gazetteer
from salin.baselines.particles import ParticleRules
from salin.corpus.sentence import Sentence
from salin.errors import SettingError

_PREFIX = "rules:"
_PARTICLES = ("rules:ceb", "rules:tl")
_FROM_SOURCE = {"rules:capitalised": Capitalisation.from_corpus, "rules:gazetteer": Gazetteer.from_corpus}

RULES = tuple(sorted((*_PARTICLES, *_FROM_SOURCE)))


def is_rules(name: str) -> bool:
    """Whether a tagger's name means rules and not a model."""
    return name.startswith(_PREFIX)


def needs_source(name: str) -> bool:
    """Whether these rules learn a list or a label from labelled source sentences."""
    return name in _FROM_SOURCE


def load_rules(name: str, source: Iterable[Sentence] | None = None) -> ParticleRules | Capitalisation | Gazetteer:
    """Makes a tagger without weights.

    Args:
        name: One of [RULES][salin.baselines.registry.RULES], such as `"rules:tl"`.
        source: Labelled sentences, for those that learn a list or a label from them (`rules:gazetteer`,
            `rules:capitalised`).

    Raises:
        SettingError: When there are no such rules, or they need a source and none is given.
    """
    if name in _PARTICLES:
        return ParticleRules(name)
    if name not in _FROM_SOURCE:
        near = get_close_matches(name, RULES, n=1) or get_close_matches(_PREFIX + name, RULES, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SettingError(f"there are no rules {name!r}; {hint}known are {', '.join(RULES)}")
    if source is None:
        raise SettingError(f"{name} is made from labelled source sentences: give a source corpus")
    return _FROM_SOURCE[name](source)
