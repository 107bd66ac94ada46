"""A system of a recipe: how its taggers are trained, what they begin with, and how they adapt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from salin.adaptation.adapter import DEFAULT_VECTORS
from salin.adaptation.rules import Rule, RuleName, make_rule
from salin.experiments.translating import SilverData, Translating
from salin.models.settings import Head
from salin.settings import AsBefore, StrictSettings


class Adaptation(StrictSettings):
    """How a trained tagger adapts at test time; see `Adapter`.

    Attributes:
        rule: The update rule.
        rate: Its step size; None is the rule's own.
        k: Supports a sentence.
        first_rank: The rank of the first of them.
        steps: Gradient steps.
        vectors: What finds supports; `{encoder}` in it stands for the recipe's encoder.
        frozen_blocks: Blocks that do not adapt, counted from the lowest; None is as many as the tagger's settings say.
        min_similarity: The cosine of the nearest support below which a sentence is tagged plainly; None is none.
        lexicons: For each test that has one, dictionaries by which most words of the supports are translated.
        baseline: The row that it is tested against, instead of its system's own: `SYSTEM` or `SYSTEM+NAME`.
    """

    rule: RuleName = "sgd"
    rate: float | None = None
    k: int = 2
    first_rank: Annotated[int, AsBefore(1)] = 1
    steps: int = 1
    vectors: str = DEFAULT_VECTORS
    frozen_blocks: Annotated[int | None, Field(ge=0), AsBefore(None)] = None
    min_similarity: Annotated[float | None, Field(ge=-1, le=1), AsBefore(None)] = None
    lexicons: dict[str, tuple[Path, ...]] = Field(default_factory=dict)
    baseline: str | None = None

    @property
    def resolved_rule(self) -> Rule:
        """The rule with its step size."""
        return make_rule(self.rule, self.rate)


class TrainedBy(StrictSettings):
    """Taggers that a recipe trains; they are trained first where they are missing.

    Attributes:
        recipe: The recipe; None is the one where this stands.
        system: Which of its systems.
        label_set: Trained on which label set; None is that of the cell which begins with it.
    """

    recipe: Path | None = None
    system: str
    label_set: str | None = None


class PretrainedBy(StrictSettings):
    """An encoder that a pretraining recipe makes with the seed of the cell; it is made first where it is missing.

    Attributes:
        recipe: The pretraining recipe.
        step: After how many of its steps; None is the end, and 0 the model before any, which is made without training.
            Of any other its runs have to keep the model (`snapshot_every`).
        settings: Over those of the recipe, one by one in each of its tables; an empty table switches the recipe's own
            off. Paths are as seen from the recipe.
        name: What its runs are called behind the name of the recipe, where settings differ from it.
    """

    recipe: Path
    step: int | None = Field(None, ge=0)
    settings: dict[str, Any] = Field(default_factory=dict)
    name: str | None = Field(None, pattern=r"^[\w-]+$")

    @model_validator(mode="after")
    def _named(self) -> PretrainedBy:
        if bool(self.settings) != (self.name is not None):
            raise ValueError("`pretrained_by`: settings that differ from the recipe go with a `name` for their runs")
        return self

    @property
    def run_name(self) -> str:
        """What its runs are called, but for the seed."""
        return self.recipe.stem + (f"-{self.name}" if self.name else "")


class FineTuning(StrictSettings):
    """Few-shot fine-tuning.

    Attributes:
        fractions: Shares of the target training files.
        train: The target training file of each test.
        epochs: Passes over the share; they decide how many steps there are.
    """

    fractions: tuple[float, ...] = Field(min_length=1)
    train: dict[str, Path]
    epochs: int = Field(10, gt=0)


class TaggerShape(StrictSettings):
    """What a tagger is put together of, beside its encoder; see `Tagger.on_encoder`."""

    head: Head | None = None
    max_length: int = Field(128, gt=0)
    frozen_blocks: int | None = Field(None, ge=0)
    right_context: Annotated[bool, AsBefore(False)] = False


class System(StrictSettings):
    """One row, or with adaptations several rows, of a table.

    Attributes:
        method: How it is trained.
        rules: The name of a baseline, where the method is `rules`.
        settings: Of the training, over the recipe's own `training` settings.
        tagger: What its taggers are put together of, over the recipe's own `tagger`.
        adapt: Ways to adapt the trained tagger, each a row `SYSTEM+NAME`; without adaptation it is a row in any case.
        trained_by: What tagger it begins with instead of the encoder with a new head. Where the method is `trained`, it
            is tested as it is; where it is `silver`, it only tags translations.
        finetune: Where the method is `finetune`.
        translate: Where the method is `translate`: the tagger that it begins with tags translations.
        silver: Where the method is `silver`, which is `direct` on the source and on text that was tagged by way of
            English.
        seeds: Instead of the recipe's.
        label_sets: Instead of all.
        encoder: Instead of the recipe's.
        pretrained_by: What makes the encoder.
        baseline: What its rows are tested against, instead of the recipe's.
    """

    method: Literal["direct", "meta", "rules", "trained", "finetune", "translate", "silver"]
    rules: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    tagger: dict[str, Any] = Field(default_factory=dict)
    adapt: dict[str, Adaptation] = Field(default_factory=dict)
    trained_by: TrainedBy | None = None
    finetune: FineTuning | None = None
    translate: Translating | None = None
    silver: SilverData | None = None
    seeds: tuple[int, ...] | None = None
    label_sets: tuple[str, ...] | None = None
    encoder: str | None = None
    pretrained_by: PretrainedBy | None = None
    baseline: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> System:
        if (self.method == "rules") != (self.rules is not None):
            raise ValueError("method 'rules' goes with the name of a baseline in `rules`, and only it does")
        if (self.method == "finetune") != (self.finetune is not None):
            raise ValueError("method 'finetune' goes with a table `finetune`, and only it does")
        if (self.method == "translate") != (self.translate is not None):
            raise ValueError("method 'translate' goes with a table `translate`, and only it does")
        if (self.method == "silver") != (self.silver is not None):
            raise ValueError("method 'silver' goes with a table `silver`, and only it does")
        if self.translate is not None and self.adapt:
            raise ValueError("what tags translations does not adapt: leave out `adapt`")
        if self.trained_by is None and self.method in {"trained", "finetune", "translate", "silver"}:
            raise ValueError(f"method {self.method!r} needs a table `trained_by`")
        if self.trained_by is not None and self.method == "rules":
            raise ValueError("rules are not trained: leave out `trained_by`")
        if self.pretrained_by is not None and (
            self.method not in {"direct", "meta"} or self.trained_by or self.encoder
        ):
            raise ValueError("`pretrained_by` goes with method 'direct' or 'meta', and with no other base or encoder")
        return self

    @property
    def untrained(self) -> bool:
        """Whether the tagger that it begins with is used as it is."""
        return self.method in {"trained", "translate"}
