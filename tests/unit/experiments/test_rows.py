"""What a recipe says of adaptation reaches the adapter, and the record of the result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from salin.adaptation.adapter import Adapter
from salin.experiments.rows import system_rows
from salin.experiments.system import Adaptation, System
from salin.models import Tagger
from tiny_corpora import corpus


def test_layers_and_the_least_cosine_reach_the_adapter_and_the_record(model_folder: Callable[[str], Path]) -> None:
    tagger = Tagger.on_encoder(model_folder("bert"), ("LOC", "ORG", "PER"), max_length=24)
    more = Adaptation(frozen_blocks=1, min_similarity=0.5)
    system = System(method="direct", adapt={"default": Adaptation(), "more": more})
    _, *rows = system_rows("direct", tagger, system, [corpus()])
    usual, adapter = (row.opened()("es") for row in rows)
    assert isinstance(usual, Adapter) and isinstance(adapter, Adapter)
    assert usual.adapted == ("classifier.classifier",) and len(adapter.adapted) > 1
    assert (usual.min_similarity, adapter.min_similarity) == (None, 0.5)
    records = [record for row in rows if (record := row.record("es")) is not None]
    assert [(r.frozen_blocks, r.min_similarity) for r in records] == [(None, None), (1, 0.5)]
