"""The only training loop: steps, schedule, precision, log, evaluation, checkpoints, exact resume.

It knows nothing of taggers or language models. A source of batches says what step `i` trains on, an objective says what
to minimise; both are pure functions of their arguments and of the random numbers that the loop seeds from
`(seed, step)`, so that a run which is killed and resumed ends with the very weights of one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self, runtime_checkable

import torch
from pydantic import Field, model_validator
from safetensors.torch import load_file, save
from torch import Tensor, nn

from salin.errors import SettingError
from salin.files import atomic_write
from salin.models.checksum import weights_checksum
from salin.settings import AsBefore, StrictSettings, as_before
from salin.training.checkpoint import clear_left_overs, cloned_state, load_checkpoint, save_checkpoint
from salin.training.cost import CostMeter
from salin.training.processes import Part, Processes
from salin.training.progress import TrainingProgress


class BatchSource(Protocol):
    """Says what each step trains on."""

    def __call__(self, step: int, part: Part) -> Any:
        """A part of the batch of a step: always the same for the same step. None where the part holds no example.

        What is random about an example is decided by the step and its place in the whole batch, and means are taken
        over the whole batch, so that the parts' losses sum to what the loss of the whole would be.
        """
        ...


# Settings that decide how long a run goes and the learning rate of each step, and nothing else.
_SCHEDULE = ("steps", "warmup", "schedule", "cooldown")


@runtime_checkable
class InPortions(Protocol):
    """A batch that need not be in memory as a whole: its portions are gone through one after another."""

    def portions(self) -> Iterator[Any]:
        """Batches whose losses sum to that of the whole."""
        ...


class Objective(Protocol):
    """Says what is minimised."""

    def __call__(self, model: nn.Module, batch: Any) -> Mapping[str, Tensor]:
        """Scalars of which `"loss"` is minimised and all are logged, each summed over the parts of a batch."""
        ...


class LoopSettings(StrictSettings):
    """How long and how fast a run trains.

    Attributes:
        steps: Updates; with `patience`, the most.
        learning_rate: Its peak.
        warmup: The share of the steps over which the rate rises from 0.
        schedule: What follows the warm-up: `linear` decay to 0, or `constant`.
        cooldown: With `constant`, the share of the steps at the end over which the rate falls to 0 after all, linearly
            (warmup-stable-decay: Hägele et al. 2024, arXiv:2405.18392). How long a run goes can then be decided late:
            runs that differ in `steps` are the same until the first of them cools down.
        optimizer: `adamw`, or `bertadam` (no bias correction, per-tensor clipping; SPECS 1.3).
        weight_decay: Of weights; biases and norms never decay.
        betas: AdamW's.
        clip: The largest global gradient norm; 0 clips nothing. `bertadam` clips each tensor by itself instead.
        precision: `bf16` runs under autocast and keeps the weights in fp32.
        log_every: Steps between log records.
        evaluate_every: Steps between evaluations; 0 evaluates at the end alone.
        patience: After how many evaluations without a better one the run ends; None goes on to the last step.
        checkpoint_every: Steps between checkpoints.
        seed: Of the model's own random numbers (dropout). Batch sources have their own.
    """

    steps: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    warmup: float = Field(0.1, ge=0, le=1)
    schedule: Literal["linear", "constant"] = "linear"
    cooldown: Annotated[float, Field(ge=0, le=1), AsBefore(0.0)] = 0.0
    optimizer: Literal["adamw", "bertadam"] = "adamw"
    weight_decay: float = Field(0.01, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = Field(1.0, ge=0)
    precision: Literal["fp32", "bf16"] = "fp32"
    log_every: int = Field(10, gt=0)
    evaluate_every: int = Field(0, ge=0)
    patience: Annotated[int | None, Field(gt=0), AsBefore(None)] = None
    checkpoint_every: int = Field(100, gt=0)
    seed: int = 95

    @model_validator(mode="after")
    def _can_be_patient(self) -> Self:
        if self.patience is not None and not self.evaluate_every:
            raise ValueError("patience counts evaluations, and there is one at the end alone: set evaluate_every")
        return self

    @model_validator(mode="after")
    def _has_one_decay(self) -> Self:
        if self.cooldown and self.schedule == "linear":
            raise ValueError(
                'a linear schedule falls from the warm-up on and has no cooldown: set schedule = "constant"'
            )
        if self.warmup + self.cooldown > 1:
            raise ValueError(
                f"warmup ({self.warmup}) and cooldown ({self.cooldown}) are shares of all steps: at most 1 together"
            )
        return self

    def rate(self, step: int) -> float:
        """The learning rate of a step (counted from 0), as a share of the peak."""
        rising = self.warmup * self.steps
        if step + 1 < rising:
            return (step + 1) / rising
        if self.schedule == "constant" and not self.cooldown:
            return 1.0
        falling = self.steps - rising if self.schedule == "linear" else self.cooldown * self.steps
        return min(1.0, (self.steps - step) / max(falling, 1.0))


def fit(
    model: nn.Module,
    batches: BatchSource,
    objective: Objective,
    settings: LoopSettings,
    *,
    folder: Path | None = None,
    evaluate: Callable[[], Mapping[str, Any]] | None = None,
    select: str | None = "f1",
    tokens: Callable[[int], Mapping[str, int]] | None = None,
    after_step: Callable[[int], None] | None = None,
    title: str = "training",
    made_with: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """Trains `model` in place, in this process or together with the others that a launcher started.

    The main process alone writes; all end with the same weights and figures.

    Args:
        model: Parameters with `requires_grad` are trained.
        batches: What each step trains on.
        objective: What is minimised.
        settings: How long and how fast.
        folder: Where the log, the checkpoint and the best weights go; a run that finds a checkpoint there goes on from
            it, also one of a run of another length, as long as both had the same learning rates so far. None keeps
            everything in memory. With several processes all must see the same folder.
        evaluate: Called with the model in eval mode at each evaluation; gives figures for the log, the same in every
            process: numbers, and numbers by name. With it the model ends with the weights of the evaluation at which
            `select` was best (the first of equals).
        select: The figure that chooses, a `loss` by being low and any other by being high; None keeps the last weights.
        tokens: How many pieces of text the first so many steps read, by name, all of them under `tokens`: for the log.
        after_step: Called with the number of finished steps after each of them, again where a resumed run repeats one.
        title: What stands before the progress bar.
        made_with: What else the run depends on, as JSON values by name: a checkpoint that was made with others is
            refused, since going on from it would give weights that no run from the start gives.

    Returns:
        The figures of the chosen evaluation with `"step"`, or those of the last log record where nothing chooses.

    Raises:
        SettingError: When the folder holds a checkpoint of another run, several processes do not begin alike, or
            patience is asked of a run in which nothing chooses.
    """
    if settings.patience is not None and (evaluate is None or select is None):
        raise SettingError("patience waits for better weights, and in this run nothing chooses any: leave it out")
    processes = Processes.here()
    device_model: nn.Module = model.to(processes.device)
    optimizer = _optimizer(device_model, settings)
    fingerprint = {**settings.model_dump(mode="json", exclude=as_before(settings)), **(made_with or {})}
    state = _begun(folder, device_model, optimizer, settings, fingerprint, processes)
    first = state["step"] if state else 0
    best: dict[str, Any] = state["best"] if state else {}
    waited: int = state.get("waited", 0) if state else 0
    meter = CostMeter(state.get("cost") if state else None)
    best_weights = _BestWeights(folder, processes)
    figures: dict[str, Any] = state.get("figures", {}) if state else {}
    written = folder if processes.is_main else None
    log = TrainingProgress(
        title, settings.steps, written / "log.jsonl" if written else None, first, show=processes.is_main
    )
    with log:
        clock, since = time.perf_counter(), first
        for step in range(first, settings.steps):
            if waited == settings.patience:
                break
            losses = _update(device_model, optimizer, batches, objective, settings, step, processes)
            done = step + 1
            log.advance(done)
            last = done == settings.steps
            if done % settings.log_every == 0 or last:
                figures = processes.total({name: float(value.detach()) for name, value in losses.items()})
                now = time.perf_counter()
                if tokens:
                    read = tokens(done)
                    rate = (read["tokens"] - tokens(since)["tokens"]) / (now - clock)
                    figures.update(read)
                    figures["tokens_per_second"] = rate
                figures["seconds_per_step"], clock, since = (now - clock) / (done - since), now, done
                log.record(done, figures)
            if evaluate and (last or (settings.evaluate_every and done % settings.evaluate_every == 0)):
                device_model.eval()
                scores = {**evaluate(), "step": done}
                told = {f"eval_{k}": v for k, v in scores.items() if k != "step"}
                better = select is not None and _is_better(select, scores, best)
                log.record(done, {**told, "best": True} if better else told)
                waited = 0 if better else waited + 1
                if better:
                    best = scores
                    best_weights.keep(device_model)
                elif select is None:
                    figures.update({name: value for name, value in told.items() if isinstance(value, float)})
            if after_step:
                after_step(done)
            if written and (last or waited == settings.patience or done % settings.checkpoint_every == 0):
                state = {"step": done, "best": best, "waited": waited, "figures": figures, "settings": fingerprint,
                         "cost": meter.figures()}  # fmt: skip
                save_checkpoint(written, device_model, optimizer, state)
    if evaluate and select is not None:
        best_weights.restore(device_model)
        figures = best
    device_model.eval()
    return figures


def _is_better(name: str, found: Mapping[str, Any], best: Mapping[str, Any]) -> bool:
    if not best:
        return True
    return found[name] < best[name] if name == "loss" else found[name] > best[name]


def _begun(
    folder: Path | None, model: nn.Module, optimizer: torch.optim.Optimizer, settings: LoopSettings,
    fingerprint: dict[str, Any], processes: Processes,
) -> dict[str, Any] | None:  # fmt: skip
    """Loads the checkpoint where there is one, into every process the same."""

    def may_differ(then: Mapping[str, Any], step: int) -> Collection[str]:
        was = settings.model_copy(update={k: then.get(k, LoopSettings.model_fields[k].default) for k in _SCHEDULE})
        between = step < min(was.steps, settings.steps)
        return _SCHEDULE if between and all(was.rate(i) == settings.rate(i) for i in range(step)) else ()

    if folder and processes.is_main:
        clear_left_overs(folder)
    processes.wait()
    state = load_checkpoint(folder, model, optimizer, fingerprint, may_differ) if folder else None
    if processes.several:
        step = state["step"] if state else 0
        processes.agree({**fingerprint, "the step": step, "the weights": weights_checksum(model)})
    return state


def _update(
    model: nn.Module, optimizer: torch.optim.Optimizer, batches: BatchSource, objective: Objective,
    settings: LoopSettings, step: int, processes: Processes,
) -> Mapping[str, Tensor]:  # fmt: skip
    """One step of the optimiser; gives what this process's part of the batch adds to each scalar."""
    # Each process draws numbers of its own: parts that share a dropout mask would be less than as many examples.
    torch.manual_seed((settings.seed * 1_000_003 + step) * processes.part.count + processes.part.index)
    for group in optimizer.param_groups:
        group["lr"] = settings.learning_rate * settings.rate(step)
    model.train()
    losses: dict[str, Tensor] = {}
    batch = batches(step, processes.part)
    portions = batch.portions() if isinstance(batch, InPortions) else [] if batch is None else [batch]
    for portion in portions:
        with torch.autocast(processes.device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
            found = objective(model, portion)
        found["loss"].backward()
        # Without its graph: only one portion's is in memory.
        losses = {name: losses.get(name, 0) + value.detach() for name, value in found.items()}
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    processes.sum_gradients(parameters)
    if settings.clip and settings.optimizer == "adamw":
        torch.nn.utils.clip_grad_norm_(parameters, settings.clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return losses


class _BestWeights:
    """The weights of the best evaluation so far: in memory, or in the run's folder where there is one."""

    def __init__(self, folder: Path | None, processes: Processes):
        self._path = folder / "best.safetensors" if folder else None
        self._processes = processes
        self._tensors: dict[str, Tensor] | None = None

    def keep(self, model: nn.Module) -> None:
        if self._path is None:
            self._tensors = cloned_state(model)
        elif self._processes.is_main:
            with atomic_write(self._path, "wb") as file:
                file.write(save(cloned_state(model)))

    def restore(self, model: nn.Module) -> None:
        self._processes.wait()  # until the main process has written them
        tensors = self._tensors if self._path is None else load_file(self._path)
        if tensors is None:
            raise SettingError("no evaluation has been made, so there are no best weights")
        model.load_state_dict(tensors, strict=False)


def _optimizer(model: nn.Module, settings: LoopSettings) -> torch.optim.Optimizer:
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for parameter in model.parameters():
        if parameter.requires_grad:
            (decayed if parameter.dim() > 1 else plain).append(parameter)
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    if settings.optimizer == "bertadam":
        from salin.adaptation.bertadam import BertAdam

        return BertAdam(groups, lr=settings.learning_rate)
    # One pass over the weights and not five: most of a small model are embeddings, and AdamW moves all of them.
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)
