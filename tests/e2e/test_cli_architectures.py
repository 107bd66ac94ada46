"""Train, adapt and tag with every architecture, by the API as the README shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import salin
from salin.models.checksum import weights_checksum
from tiny_models import ARCHITECTURES


@pytest.mark.parametrize("method", ["direct", "meta"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_train_adapt_tag(
    architecture: str, method: str, model_folder: Callable[[str], Path], corpora, tmp_path: Path
) -> None:
    source, dev = salin.read(corpora.train), salin.read(corpora.dev)
    tagger = salin.Tagger.on_encoder(model_folder(architecture), source.labels)
    untrained = weights_checksum(tagger.network)
    loop = salin.LoopSettings(steps=3, learning_rate=1e-3)
    if method == "meta":
        figures = salin.train_meta(tagger, [source], dev, salin.MetaSettings(loop=loop, batch=4, mask_rate=0.2))
    else:
        figures = salin.train_direct(tagger, [source], dev, salin.MethodSettings(loop=loop, batch=4, mask_rate=0.2))
    assert 0 <= figures["f1"] <= 1
    assert weights_checksum(tagger.network) != untrained

    tagger.save_pretrained(tmp_path / "tagger")
    tagger = salin.Tagger.from_pretrained(tmp_path / "tagger")
    trained = weights_checksum(tagger.network)
    adapter = salin.Adapter(tagger, source, k=2)
    assert adapter.adapted
    text = "Maria Sousa joined Ajax in Lisbon on day 3. 中国总理访问德国。"
    adapted = adapter.tag(text)
    assert adapted.text == text
    assert all(entity.text == text[entity.start : entity.end] for entity in adapted.entities)
    assert adapted.neighbours
    assert weights_checksum(tagger.network) == trained
    test = salin.read(corpora.test)
    result = salin.evaluate(adapter, test, system=architecture)
    assert result.data.sentences == len(list(test))
