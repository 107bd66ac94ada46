"""What pruning took away stays away, however the loop trains, and the rest is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from salin.models import Tagger
from salin.training.direct import train_direct
from salin.training.loop import LoopSettings
from salin.training.methods import MethodSettings
from salin.training.pruned import held_at_zero
from tiny_corpora import DEV, corpus

BYTES = "byte-bilstm:byte_embedding=6,byte_hidden=5,word_hidden=7"


def fresh(encoder: str | Path) -> Tagger:
    torch.manual_seed(2)
    return Tagger.on_encoder(encoder, ["LOC", "ORG", "PER"])


def half(tagger: Tagger) -> dict[str, Tensor]:
    """Masks of half of the weights of every matrix."""
    random = torch.Generator().manual_seed(1)
    named = tagger.network.named_parameters()
    matrices = {n: p for n, p in named if p.dim() == 2 and "embed" not in n and "crf" not in n}
    return {name: torch.rand(matrix.shape, generator=random) < 0.5 for name, matrix in matrices.items()}


def settings(**changes: object) -> MethodSettings:
    loop = LoopSettings(**{"steps": 6, "learning_rate": 0.05, "evaluate_every": 2, "weight_decay": 0.1, **changes})
    return MethodSettings(loop=loop, batch=4, select="loss")


@pytest.mark.parametrize("encoder", ["bert", BYTES])
@pytest.mark.parametrize("changes", [{}, {"optimizer": "bertadam"}, {"precision": "bf16"}, {"clip": 0.01}])
def test_masks_stay_fixed_while_the_loop_trains(
    encoder: str, changes: dict[str, object], model_folder: Callable[[str], Path]
) -> None:
    tagger = fresh(encoder if encoder == BYTES else model_folder(encoder))
    kept, before = half(tagger), {n: p.detach().clone() for n, p in tagger.network.named_parameters()}
    with held_at_zero(tagger.network, kept):
        train_direct(tagger, [corpus()], corpus(DEV), settings(**changes))
    for name, parameter in tagger.network.named_parameters():
        if name in kept:
            assert not parameter[~kept[name]].any(), name
            assert parameter[kept[name]].ne(0).all()
        moved = (parameter - before[name])[kept[name]] if name in kept else parameter - before[name]
        assert "key.bias" in name or moved.any(), f"{name} has been trained"


def test_without_being_held_they_come_back(model_folder: Callable[[str], Path]) -> None:
    """What the test above would see if nothing held them: the first step moves them."""
    tagger = fresh(model_folder("bert"))
    kept = half(tagger)
    with held_at_zero(tagger.network, kept):
        pass
    train_direct(tagger, [corpus()], corpus(DEV), settings(steps=1, evaluate_every=0))
    name = "classifier.classifier.weight"
    assert tagger.network.get_parameter(name)[~kept[name]].all()


def test_a_run_that_was_interrupted_goes_on_with_the_same_masks(
    model_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    whole, halves = fresh(model_folder("bert")), fresh(model_folder("bert"))
    kept = half(whole)
    with held_at_zero(whole.network, kept):
        train_direct(whole, [corpus()], corpus(DEV), settings(checkpoint_every=2))

    class _KilledError(Exception):
        pass

    def killed(module: torch.nn.Module, arguments: object) -> None:
        if module.training and (tmp_path / "checkpoint").exists():
            raise _KilledError

    handle = halves.network.register_forward_pre_hook(killed)
    with pytest.raises(_KilledError), held_at_zero(halves.network, kept):
        train_direct(halves, [corpus()], corpus(DEV), settings(checkpoint_every=2), folder=tmp_path)
    handle.remove()
    again = fresh(model_folder("bert"))
    with held_at_zero(again.network, kept):
        train_direct(again, [corpus()], corpus(DEV), settings(checkpoint_every=2), folder=tmp_path)
    for one, other in zip(whole.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_nothing_is_left_on_the_network(model_folder: Callable[[str], Path]) -> None:
    tagger = fresh(model_folder("bert"))
    names = set(tagger.network.state_dict())
    with held_at_zero(tagger.network, half(tagger)):
        pass
    assert set(tagger.network.state_dict()) == names
    tagger.network(torch.ones(1, 3, dtype=torch.long), torch.ones(1, 3, dtype=torch.long)).sum().backward()
    weight = tagger.network.get_parameter("classifier.classifier.weight")
    assert weight.grad is not None and weight.grad.all()
