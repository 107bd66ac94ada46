"""What the log of a pretraining run says: loss against tokens, of training and of each objective on held-out text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from salin.evaluation.figures import COLOURS, MARKERS, new_figure
from salin.values import is_object

#: What a run calls its log.
LOG = "log.jsonl"
_BEFORE = "eval_"


@dataclass(frozen=True, slots=True)
class PretrainingLog:
    """A run's `log.jsonl`.

    Attributes:
        training: Tokens read so far, and the loss of that step's batch.
        held_out: The same by objective: its mean over languages on held-out text.
        languages: The last such figures by objective and language.
        seconds: How long the run took, evaluations included.
    """

    training: list[tuple[float, float]]
    held_out: dict[str, list[tuple[float, float]]]
    languages: dict[str, dict[str, float]]
    seconds: float

    @classmethod
    def read(cls, path: Path) -> PretrainingLog:
        """Reads the log of a finished run."""
        records: list[dict[str, Any]] = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        counted = [record for record in records if "tokens" in record]
        steps: list[int] = [0, *(record["step"] for record in counted)]
        tokens: list[int] = [0, *(record["tokens"] for record in counted)]
        # Evaluations may lie between two records of tokens.
        held_out: dict[str, list[tuple[float, float]]] = {}
        languages: dict[str, dict[str, float]] = {}
        for record in records:
            for name, losses in record.items():
                if is_object(losses):
                    objective = name.removeprefix(_BEFORE)
                    read = float(np.interp(int(record["step"]), steps, tokens))
                    means = np.mean([float(loss) for loss in losses.values()])
                    held_out.setdefault(objective, []).append((read, float(means)))
                    languages[objective] = losses
        lengths = [step - before for before, step in pairwise(steps)]
        seconds = sum(record["seconds_per_step"] * length for record, length in zip(counted, lengths, strict=True))
        training = [(record["tokens"], record["loss"]) for record in counted if "loss" in record]
        return cls(training, held_out, languages, seconds)


def plot_losses(logs: Mapping[str, PretrainingLog], file: Path, title: str) -> None:
    """Draws loss against tokens: of each objective on held-out text, and of a single run's training batches.

    Args:
        logs: Of one or more runs, by name.
        file: Where the figure goes.
        title: Stands above it.

    Raises:
        SettingError: When matplotlib is not installed.
    """
    with new_figure(file, 6.5, 3.6) as figure:
        panel = figure.subplots()
        panel.grid(axis="y")
        curves = [(run, name, log.held_out[name]) for run, log in logs.items() for name in sorted(log.held_out)]
        if len(logs) == 1:
            (log,) = logs.values()
            tokens, losses = zip(*log.training, strict=True)
            panel.plot(tokens, losses, color="0.7", lw=0.8, label="training", gid="training")
        for number, (run, name, curve) in enumerate(curves):
            tokens, losses = zip(*curve, strict=True)
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            label = f"{name}, held out" if len(logs) == 1 else f"{name}, {run}"
            panel.plot(tokens, losses, color=colour, marker=marker, lw=1.2, ms=4, label=label, gid=name)
        panel.set_xlabel("tokens")
        panel.set_ylabel("loss, nats")
        panel.legend(frameon=False)
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
