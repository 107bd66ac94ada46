"""Taggers without weights, which every trained one must beat: a gazetteer, a capitalisation rule, particle rules.

They are ordinary taggers under the one protocol. The package deliberately knows no models and no scores; what it takes
from data, it takes from source sentences alone.
"""

from __future__ import annotations

from salin.baselines.capitalisation import Capitalisation
from salin.baselines.gazetteer import Gazetteer
from salin.baselines.particles import ParticleRules
from salin.baselines.registry import RULES, is_rules, load_rules, needs_source

__all__ = ["RULES", "Capitalisation", "Gazetteer", "ParticleRules", "is_rules", "load_rules", "needs_source"]
