"""The training loop on a model of a few numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from salin.errors import SettingError
from salin.training.checkpoint import training_cost
from salin.training.loop import LoopSettings, fit
from salin.training.processes import WHOLE, Part


def settings(**changes: object) -> LoopSettings:
    return LoopSettings(**{"steps": 12, "learning_rate": 0.1, "log_every": 2, "checkpoint_every": 5, **changes})


class Line(nn.Module):
    """y = Wx + b, with dropout so that random numbers matter."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 2)
        self.drop = nn.Dropout(0.2)
        self.kept = nn.Linear(2, 2).requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.layer(x))


def batches(step: int, part: Part = WHOLE) -> Tensor:
    return torch.randn(8, 3, generator=torch.Generator().manual_seed(step))


def objective(model: nn.Module, x: Tensor) -> Mapping[str, Tensor]:
    loss = (model(x) - x[:, :2]).pow(2).mean()
    return {"loss": loss, "root": loss.sqrt()}


def stopping_at(last: int) -> Callable[[int, Part], Tensor]:
    """The batches of a run that is interrupted at a step."""

    def until(step: int, part: Part) -> Tensor:
        if step == last:
            raise KeyboardInterrupt
        return batches(step)

    return until


def records(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def without_clock(found: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{k: v for k, v in record.items() if k != "seconds_per_step"} for record in found]


@pytest.mark.parametrize(
    ("changes", "rates"),
    [
        ({"steps": 4, "warmup": 0, "schedule": "constant"}, [1, 1, 1, 1]),
        ({"steps": 4, "warmup": 0}, [1, 0.75, 0.5, 0.25]),
        ({"steps": 6, "warmup": 0.5}, [1 / 3, 2 / 3, 1, 1, 2 / 3, 1 / 3]),
        ({"steps": 4, "warmup": 1}, [0.25, 0.5, 0.75, 1]),
        ({"steps": 4, "warmup": 1, "schedule": "constant"}, [0.25, 0.5, 0.75, 1]),
        ({"steps": 1}, [1]),
        ({"steps": 8, "warmup": 0.25, "schedule": "constant", "cooldown": 0.5}, [0.5, 1, 1, 1, 1, 0.75, 0.5, 0.25]),
    ],
)
def test_the_rate_rises_and_falls(changes: dict[str, object], rates: list[float]) -> None:
    made = settings(**changes)
    assert [made.rate(step) for step in range(made.steps)] == pytest.approx(rates)


@pytest.mark.parametrize("warmup", [0, 0.06, 0.1, 0.33, 1])
@pytest.mark.parametrize("steps", [1, 2, 9, 100])
@pytest.mark.parametrize(
    ("schedule", "cooldown"), [("linear", 0), ("constant", 0), ("constant", 0.25), ("constant", 1)]
)
def test_the_rate_is_never_zero_nor_above_its_peak(steps: int, warmup: float, schedule: str, cooldown: float) -> None:
    made = settings(steps=steps, warmup=warmup, schedule=schedule, cooldown=min(cooldown, 1 - warmup))
    rates = [made.rate(step) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_runs_of_any_length_are_the_same_until_the_first_cools_down() -> None:
    short, long = (
        settings(steps=steps, warmup=10 / steps, schedule="constant", cooldown=20 / steps) for steps in (100, 200)
    )
    assert [short.rate(step) for step in range(80)] == [long.rate(step) for step in range(80)]
    assert short.rate(81) < long.rate(81) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"learning_rate": 0},
        {"warmup": 2},
        {"schedule": "cosine"},
        {"lr": 1},
        {"schedule": "linear", "cooldown": 0.2},
        {"schedule": "constant", "warmup": 0.5, "cooldown": 0.6},
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings(**change)


@pytest.mark.parametrize("optimizer", ["adamw", "bertadam"])
def test_the_loss_falls_and_frozen_weights_stay(optimizer: str) -> None:
    model = Line()
    kept = model.kept.weight.clone()
    model.eval()
    before = objective(model, batches(999))["loss"]
    fit(model, batches, objective, settings(steps=60, optimizer=optimizer, warmup=0.2))
    assert not model.training
    assert objective(model, batches(999))["loss"] < 0.3 * before
    assert torch.equal(kept, model.kept.weight)


@pytest.mark.parametrize("clip", [1.0, 0.0])
def test_a_huge_gradient_is_clipped_as_torch_clips_it(clip: float) -> None:
    """AdamW's first step is as long whatever the gradient, but its moments remember: later steps tell."""

    def spiking(model: nn.Module, x: Tensor) -> Mapping[str, Tensor]:
        return {"loss": objective(model, x)["loss"] * (1e4 if torch.equal(x, batches(0)) else 1.0)}

    fitted, by_hand = Line(), Line()
    fitted.drop.p = by_hand.drop.p = 0.0
    constant = settings(steps=4, warmup=0, schedule="constant", weight_decay=0, clip=clip)
    fit(fitted, batches, spiking, constant)

    trained = list(by_hand.layer.parameters())
    optimizer = torch.optim.AdamW(trained, lr=0.1, weight_decay=0)
    for step in range(4):
        optimizer.zero_grad()
        spiking(by_hand, batches(step))["loss"].backward()
        norm = nn.utils.clip_grad_norm_(trained, clip or float("inf"))
        assert step > 0 or norm > 1_000
        optimizer.step()
    torch.testing.assert_close(fitted.layer.state_dict(), by_hand.layer.state_dict())
    assert not torch.equal(fitted.layer.weight, Line().layer.weight)


class Halves:
    """A batch in two portions, each of which adds half to its loss."""

    def __init__(self, batch: Tensor):
        self.batch = batch

    def portions(self) -> Iterator[Tensor]:
        yield from self.batch.chunk(2)


def test_a_batch_in_portions_is_one_batch_and_only_one_of_them_in_memory() -> None:
    events: list[str] = []

    def of_half(model: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
        assert len(batch) == 4
        events.append("forward")
        loss = objective(model, batch)["loss"] / 2
        loss.register_hook(lambda _: events.append("backward"))
        return {"loss": loss}

    whole, parts = (Line() for _ in range(2))
    whole.drop.p = parts.drop.p = 0.0
    figures = fit(whole, batches, objective, settings())
    again = fit(parts, lambda step, part: Halves(batches(step)), of_half, settings())
    assert events == ["forward", "backward"] * 2 * settings().steps
    assert again["loss"] == pytest.approx(figures["loss"], rel=1e-4)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("optimizer", ["adamw", "bertadam"])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path: Path, optimizer: str) -> None:
    whole, parts = Line(), Line()
    loop = settings(optimizer=optimizer)
    figures = fit(whole, batches, objective, loop, folder=tmp_path / "whole")

    for last in (3, 7, 8, 11):
        with pytest.raises(KeyboardInterrupt):
            fit(parts, stopping_at(last), objective, loop, folder=tmp_path / "parts")
        parts = Line()
    again = fit(parts, batches, objective, loop, folder=tmp_path / "parts")
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters(), strict=True))
    assert again["loss"] == figures["loss"]
    assert without_clock(records(tmp_path / "parts")) == without_clock(records(tmp_path / "whole"))
    assert [record["step"] for record in records(tmp_path / "parts")] == [2, 4, 6, 8, 10, 12]


@pytest.mark.parametrize(("first", "then"), [(40, 20), (20, 40)])
def test_a_run_of_another_length_goes_on_from_before_it_cools_down(tmp_path: Path, first: int, then: int) -> None:
    def loop(steps: int) -> LoopSettings:
        return settings(steps=steps, warmup=4 / steps, schedule="constant", cooldown=0.5)

    with pytest.raises(KeyboardInterrupt):
        fit(Line(), stopping_at(11), objective, loop(first), folder=tmp_path / "run")
    whole, longer = Line(), Line()
    fit(longer, batches, objective, loop(then), folder=tmp_path / "run")
    fit(whole, batches, objective, loop(then), folder=tmp_path / "whole")
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), longer.parameters(), strict=True))
    assert without_clock(records(tmp_path / "run")) == without_clock(records(tmp_path / "whole"))


@pytest.mark.parametrize(("last", "steps"), [(16, 40), (16, 14), (None, 40)])
def test_a_run_that_cooled_down_has_the_length_that_it_has(tmp_path: Path, last: int | None, steps: int) -> None:
    """Nor is one shorter than what it did."""
    loop = settings(steps=20, warmup=0, schedule="constant", cooldown=0.5)
    with suppress(KeyboardInterrupt):
        fit(Line(), batches if last is None else stopping_at(last), objective, loop, folder=tmp_path)
    with pytest.raises(SettingError, match=f"other settings.*steps: 20 then, {steps} now"):
        fit(Line(), batches, objective, loop.model_copy(update={"steps": steps}), folder=tmp_path)


def test_a_finished_run_is_not_repeated(tmp_path: Path) -> None:
    first = fit(Line(), batches, objective, settings(), folder=tmp_path)
    log = (tmp_path / "log.jsonl").read_text()
    model = Line()
    second = fit(model, lambda step, part: pytest.fail("no step is left"), objective, settings(), folder=tmp_path)
    assert second == first
    assert (tmp_path / "log.jsonl").read_text() == log


@pytest.mark.parametrize("folder", [True, False])
def test_the_best_evaluation_is_kept(tmp_path: Path, *, folder: bool) -> None:
    scores = iter([0.1, 0.5, 0.5, 0.2])
    model, seen = Line(), []

    def evaluate() -> dict[str, float]:
        assert not model.training
        seen.append(model.layer.weight.detach().clone())
        return {"f1": next(scores)}

    loop = settings(evaluate_every=3)
    figures = fit(model, batches, objective, loop, folder=tmp_path if folder else None, evaluate=evaluate)
    assert figures == {"f1": 0.5, "step": 6}
    assert torch.equal(model.layer.weight, seen[1])
    assert not torch.equal(seen[1], seen[2])
    if folder:
        assert [record["eval_f1"] for record in records(tmp_path) if "eval_f1" in record] == [0.1, 0.5, 0.5, 0.2]


def losses(*values: float) -> Callable[[], dict[str, float]]:
    found = iter(values)
    return lambda: {"loss": next(found), "f1": 0.0}


@pytest.mark.parametrize("folder", [True, False])
def test_a_run_ends_when_the_loss_on_dev_has_stopped_falling(tmp_path: Path, *, folder: bool) -> None:
    model, seen, found = Line(), [], losses(0.9, 0.5, 0.7, 0.5, 0.4)

    def evaluate() -> dict[str, float]:
        seen.append(model.layer.weight.detach().clone())
        return found()

    loop = settings(evaluate_every=2, patience=2)
    place = tmp_path if folder else None
    figures = fit(model, batches, objective, loop, folder=place, evaluate=evaluate, select="loss")
    assert figures == {"loss": 0.5, "f1": 0.0, "step": 4}, "the lowest, and the first of equals"
    assert len(seen) == 4, "a loss of 0.4 would have come, two evaluations too late"
    assert torch.equal(model.layer.weight, seen[1])
    if folder:
        assert records(tmp_path)[-1]["step"] == 8
        assert [record["step"] for record in records(tmp_path) if record.get("best")] == [2, 4]
        again = fit(Line(), stopping_at(0), objective, loop, folder=place, evaluate=evaluate, select="loss")
        assert again == figures, "it is over, although twelve steps are allowed"


def test_a_patient_run_that_was_stopped_waits_no_longer_than_one_that_was_not(tmp_path: Path) -> None:
    loop = settings(evaluate_every=2, patience=3, checkpoint_every=2)
    all_losses = (0.9, 0.5, 0.7, 0.6, 0.8, 0.1)
    whole = fit(
        Line(), batches, objective, loop, folder=tmp_path / "whole", evaluate=losses(*all_losses), select="loss"
    )
    place = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        fit(Line(), stopping_at(7), objective, loop, folder=place, evaluate=losses(*all_losses), select="loss")
    # Three evaluations have been made, one of them in vain.
    parts = fit(Line(), batches, objective, loop, folder=place, evaluate=losses(*all_losses[3:]), select="loss")
    assert parts == whole == {"loss": 0.5, "f1": 0.0, "step": 4}
    assert without_clock(records(place)) == without_clock(records(tmp_path / "whole"))


def test_patience_where_nothing_is_waited_for_is_refused() -> None:
    with pytest.raises(ValidationError, match="set evaluate_every"):
        settings(patience=2)
    patient = settings(patience=2, evaluate_every=2)
    for nothing in ({"evaluate": None}, {"evaluate": losses(), "select": None}):
        with pytest.raises(SettingError, match="nothing chooses"):
            fit(Line(), batches, objective, patient, **nothing)


def test_the_cost_of_a_run_is_that_of_all_its_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr("salin.training.cost.perf_counter", lambda: float(next(clock)))
    with pytest.raises(KeyboardInterrupt):
        fit(Line(), stopping_at(7), objective, settings(), folder=tmp_path)
    assert training_cost(tmp_path)["seconds"] == 10, "as it was at the checkpoint"
    fit(Line(), batches, objective, settings(), folder=tmp_path)
    cost = training_cost(tmp_path)
    assert cost["seconds"] == 10 + 20, "of two checkpoints more"
    assert cost["peak_megabytes"] > 10


def test_without_intervals_the_end_alone_is_evaluated() -> None:
    calls = []
    fit(Line(), batches, objective, settings(), evaluate=lambda: calls.append(1) or {"f1": 0.0})
    assert calls == [1]


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    fit(Line(), batches, objective, settings(), folder=tmp_path, made_with={"batch": 8})
    with pytest.raises(SettingError, match=r"other settings \(learning_rate: 0\.1 then, 0\.2 now\).*another folder"):
        fit(Line(), batches, objective, settings(learning_rate=0.2), folder=tmp_path, made_with={"batch": 8})
    with pytest.raises(SettingError, match="batch: 8 then, 4 now"):
        fit(Line(), batches, objective, settings(), folder=tmp_path, made_with={"batch": 4})
    with pytest.raises(SettingError, match="batch: 8 then, None now"):
        fit(Line(), batches, objective, settings(), folder=tmp_path)


def test_dropout_follows_the_seed() -> None:
    ends = []
    for seed in (1, 1, 2):
        model = Line()
        fit(model, batches, objective, settings(seed=seed))
        ends.append(model.layer.weight.detach())
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


def test_precisions_in_one_process() -> None:
    seen = []

    def watched(model: nn.Module, x: Tensor) -> Mapping[str, Tensor]:
        seen.append(model.layer(x).dtype)
        return objective(model, x)

    for precision in ("fp32", "bf16", "fp32"):
        model = Line()
        fit(model, batches, watched, settings(steps=1, precision=precision))
        assert model.layer.weight.dtype == torch.float32
    assert seen == [torch.float32, torch.bfloat16, torch.float32]


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".checkpoint.x.tmp").mkdir(parents=True)
    (tmp_path / ".checkpoint.x.tmp" / "model.safetensors").write_bytes(b"half")
    (tmp_path / ".best.safetensors.x.tmp").write_bytes(b"half")
    (tmp_path / "log.jsonl").write_text('{"step": 2, "loss": 1}\n{"step": 4, "lo')
    fit(Line(), batches, objective, settings(), folder=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "log.jsonl"]
    assert [record["step"] for record in records(tmp_path)] == [2, 4, 6, 8, 10, 12]
