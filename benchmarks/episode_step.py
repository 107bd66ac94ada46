"""A micro-batch of the published meta-learning episodes: the published way and ours, same maths, fp32 on CPU.

    python benchmarks/episode_step.py            # writes results/benchmarks/episode_step.json
    python benchmarks/episode_step.py --quick

An episode is 32 rows of 128 pieces of Spanish news, four positions of which are masked in the supports and one in the
queries, with ten inner steps (SPECS 2.3); it ends with all gradients, before the optimiser. The published way is that
which the tests hold ours to: the model, and the head over the whole vocabulary, are run on all of the rows at each
inner step. The second row shows what running the model once gains by itself: in it the head is run where pieces are
masked.
Models are those for CPU with the vocabulary of the bundled encoder; with the published vocabulary of 50,304 pieces and
rows of 2,048 the scores of a single inner step would take 13 GB.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from measuring import Row, arguments, median_ratio, save, take_turns, tell
from subjects import target_texts
from transformers import PreTrainedModel

from salin.encoding import hidden_piece
from salin.models.loading import load_tokenizer, resolve
from salin.pretraining.official_episodes import OfficialEpisodes, OfficialSettings
from salin.pretraining.packing import PackedRows
from salin.pretraining.presets import ModelSettings, build
from salin.pretraining.text import PlainText

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "unit" / "pretraining"))
from official_reference import published_gradients

PRESETS = ("decoder-cpu", "encoder-cpu")
ROWS, LENGTH = 32, 128
# In fp32, over ten steps of both and two ways to sum.
CLOSE = 1e-3


def main() -> None:
    """Runs it and writes the result."""
    chosen = arguments(__doc__).parse_args()
    rows, length = (4, 32) if chosen.quick else (ROWS, LENGTH)
    found: list[Row] = []
    for preset in PRESETS:
        runs = _runs(preset, rows, length)
        seconds = take_turns(runs, 1 if chosen.quick else 3, warm=["ours"])
        subject = f"{preset}, {torch.get_num_threads()} threads, {rows} rows of {length} pieces"
        for name, least in (("published way", 4.0), ("model run at each inner step", None)):
            ratio = median_ratio(seconds[name], seconds["ours"])
            found.append(tell(Row(subject, name, "time", "ours", ratio, rule="sgd", least=least)))
    save(chosen, "episode_step", found)


def _runs(preset: str, rows: int, length: int) -> dict[str, Callable[[int], object]]:
    """What makes the gradients of an episode, by name; that all make the same ones is tested first."""
    tokenizer = load_tokenizer(resolve("salin-tiny-encoder"))
    size = ModelSettings.model_validate({"preset": preset})
    text = PlainText({"es": target_texts()}, temperature=1)
    objective = OfficialEpisodes(PackedRows(tokenizer, text, length), OfficialSettings(), size.decodes)
    torch.manual_seed(0)
    model = build(size, tokenizer)
    objective.prepare(model)
    batch = objective.collate(objective.draw(rows, np.random.default_rng(0)))

    def ours(model: PreTrainedModel, number: int) -> float:
        model.zero_grad()
        loss = objective.loss(model, batch)["loss"]
        loss.backward()
        return loss.item()

    def published(model: PreTrainedModel, number: int, *, everywhere: bool) -> float:
        model.zero_grad()
        mask = hidden_piece(tokenizer)
        return published_gradients(model, batch, objective.settings, mask, everywhere=everywhere)[0]

    theirs, mine = copy.deepcopy(model), model
    losses = ours(mine, 0), published(theirs, 0, everywhere=False)
    for (name, parameter), other in zip(mine.named_parameters(), theirs.parameters(), strict=True):
        differs = torch.zeros(()) if parameter.grad is None else (parameter.grad - other.grad).abs().max()
        if not (abs(losses[0] - losses[1]) < CLOSE and differs < CLOSE):
            raise RuntimeError(f"{preset}: losses {losses} and gradients of {name} by up to {differs} are not the same")
    return {
        "ours": partial(ours, mine),
        "model run at each inner step": partial(published, theirs, everywhere=False),
        "published way": partial(published, theirs, everywhere=True),
    }


if __name__ == "__main__":
    main()
