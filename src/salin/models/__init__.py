"""Models: an encoder and a head make a tagger, which is loaded, saved and run safely.

Any Hugging Face encoder or decoder with a token-classification head serves, and so does a byte-level network that is
made from scratch; a saved tagger is a plain Hugging Face folder with one `salin.json` beside the weights, and one that
was exported to ONNX tags in the same way. What models do not know: how they were trained, adapted or scored.
"""

from __future__ import annotations

from salin.models.network import TaggingNetwork
from salin.models.parameters import AdaptedParameters, adapted_parameters
from salin.models.settings import TaggerSettings
from salin.models.tagger import Tagger

__all__ = ["AdaptedParameters", "Tagger", "TaggerSettings", "TaggingNetwork", "adapted_parameters"]
