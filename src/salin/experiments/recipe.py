"""The recipe: a TOML file that says what is compared."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from salin.adaptation.adapter import DEFAULT_VECTORS
from salin.adaptation.rules import Rule, RuleName, make_rule
from salin.errors import SettingError
from salin.settings import AsBefore
from salin.training.meta import MetaSettings
from salin.training.methods import MethodSettings
from salin.validation import explain, place_of


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LabelSet(_Strict):
    """Corpora that are labelled alike.

    Attributes:
        source: Training files.
        dev: Source files that choose checkpoints and settings.
        map: Label renamings for all of them; `O` drops a type.
        tests: Test files by name (a language, as a rule).
    """

    source: tuple[Path, ...] = Field(min_length=1)
    dev: Path
    map: dict[str, str] = {}
    tests: dict[str, Path] = {}


class Adaptation(_Strict):
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
    lexicons: dict[str, tuple[Path, ...]] = {}
    baseline: str | None = None

    @property
    def resolved_rule(self) -> Rule:
        """The rule with its step size."""
        return make_rule(self.rule, self.rate)


class TrainedBy(_Strict):
    """Taggers that a recipe trains; they are trained first where they are missing.

    Attributes:
        recipe: The recipe; None is the one where this stands.
        system: Which of its systems.
    """

    recipe: Path | None = None
    system: str


class PretrainedBy(_Strict):
    """An encoder that a pretraining recipe makes with the seed of the cell; it is made first where it is missing.

    Attributes:
        recipe: The pretraining recipe.
        step: After how many of its steps; None is the end. Its runs have to keep that model (`snapshot_every`).
    """

    recipe: Path
    step: int | None = Field(None, gt=0)


class FineTuning(_Strict):
    """Few-shot fine-tuning.

    Attributes:
        fractions: Shares of the target training files.
        train: The target training file of each test.
        epochs: Passes over the share; they decide how many steps there are.
    """

    fractions: tuple[float, ...] = Field(min_length=1)
    train: dict[str, Path]
    epochs: int = Field(10, gt=0)


class TaggerShape(_Strict):
    """What a tagger is put together of, beside its encoder; see `Tagger.on_encoder`."""

    head: Literal["softmax", "crf"] = "softmax"
    max_length: int = Field(128, gt=0)
    frozen_blocks: int | None = Field(None, ge=0)


class System(_Strict):
    """One row, or with adaptations several rows, of a table.

    Attributes:
        method: How it is trained.
        rules: The name of a baseline, where the method is `rules`.
        settings: Of the training, over the recipe's own `training` settings.
        adapt: Ways to adapt the trained tagger, each a row `SYSTEM+NAME`; without adaptation it is a row in any case.
        trained_by: What tagger it begins with instead of the encoder with a new head. Where the method is `trained`, it
            is tested as it is.
        finetune: Where the method is `finetune`.
        seeds: Instead of the recipe's.
        label_sets: Instead of all.
        encoder: Instead of the recipe's.
        pretrained_by: What makes the encoder.
        baseline: What its rows are tested against, instead of the recipe's.
    """

    method: Literal["direct", "meta", "rules", "trained", "finetune"]
    rules: str | None = None
    settings: dict[str, Any] = {}
    adapt: dict[str, Adaptation] = {}
    trained_by: TrainedBy | None = None
    finetune: FineTuning | None = None
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
        if self.trained_by is None and self.method in {"trained", "finetune"}:
            raise ValueError(f"method {self.method!r} needs a table `trained_by`")
        if self.trained_by is not None and self.method == "rules":
            raise ValueError("rules are not trained: leave out `trained_by`")
        if self.pretrained_by is not None and (
            self.method not in {"direct", "meta"} or self.trained_by or self.encoder
        ):
            raise ValueError("`pretrained_by` goes with method 'direct' or 'meta', and with no other base or encoder")
        return self


class Recipe(_Strict):
    """What is compared.

    Attributes:
        title: Stands over the table.
        encoder: A bundled model, a folder or a Hugging Face id; `salin run --encoder` replaces it.
        baseline: The system that the others are tested against.
        seeds: One run of each system for each.
        training: Settings of every trained system; a system's own stand over them.
        label_sets: By name.
        systems: By name.
        tagger: What every trained tagger is put together of.
        switched_dev: Dictionaries, by language, with which a pseudo-foreign copy of dev is made: source-side evidence
            for choosing settings, written into every cell.
    """

    title: str
    encoder: str
    baseline: str
    seeds: tuple[int, ...] = Field(min_length=1)
    training: dict[str, Any] = {}
    label_sets: dict[str, LabelSet] = Field(min_length=1)
    systems: dict[str, System] = Field(min_length=1)
    tagger: TaggerShape = Field(default_factory=TaggerShape)  # pyright: ignore[reportArgumentType]
    switched_dev: dict[str, tuple[Path, ...]] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        for name in (self.baseline, *(system.baseline for system in self.systems.values())):
            if name is not None and name not in self.systems:
                raise ValueError(f"the baseline {name!r} is none of its systems")
        adapted = {f"{name}+{key}": how for name, system in self.systems.items() for key, how in system.adapt.items()}
        for how in adapted.values():
            if how.baseline is not None and how.baseline not in {*self.systems, *adapted}:
                raise ValueError(f"the baseline {how.baseline!r} is none of its rows")
        tests = [test for labels in self.label_sets.values() for test in labels.tests]
        if twice := sorted({test for test in tests if tests.count(test) > 1}):
            raise ValueError(f"two label sets have a test called {twice[0]!r}; their results would be one row")
        for name in self.systems:
            self._check_base(name)
        return self

    def _check_base(self, name: str) -> None:
        """Follows what a system begins with, as far as this recipe says it."""
        seen = [name]
        while (how := self.systems[seen[-1]].trained_by) is not None and how.recipe is None:
            if how.system not in self.systems:
                raise ValueError(f"{seen[-1]} begins with {how.system!r}, which is none of its systems")
            if how.system in seen:
                raise ValueError(f"{name} begins with itself: {' <- '.join([*seen, how.system])}")
            seen.append(how.system)

    @classmethod
    def read(cls, path: str | Path, encoder: str | None = None) -> Recipe:
        """Reads a recipe; paths in it are taken from its own folder.

        Args:
            path: A TOML file.
            encoder: Stands in for the recipe's encoder.

        Raises:
            SettingError: When it is missing, is no TOML, or holds a setting that does not exist.
        """
        path = Path(path)
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingError(f"{path}: no such recipe. Recipes are TOML files; salin's own are in recipes/") from None
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"{path}: no recipe: {error}") from error
        if encoder is not None:
            raw["encoder"] = encoder
        try:
            raw = _with_paths(raw, path.resolve().parent)
            recipe = cls.model_validate(_with_encoder(raw, str(raw.get("encoder"))))
            for system in recipe.systems.values():
                recipe.settings_of(system, 0)
        except ValidationError as error:
            raise SettingError(f"{place_of(error, path)}: {explain(error, (Recipe, MetaSettings))}") from error
        return recipe

    def settings_of(self, system: System, seed: int) -> MethodSettings | MetaSettings:
        """The settings of a system's training with a seed.

        Raises:
            ValidationError: When one does not exist or has a wrong value.
        """
        merged = _merged(self.training, system.settings)
        merged["seed"] = seed
        merged["loop"] = {**merged.get("loop", {"steps": 1, "learning_rate": 1e-4}), "seed": seed}
        if system.method == "meta":
            return MetaSettings.model_validate(merged)
        # The recipe's common settings may hold what only meta-training knows.
        only_meta = MetaSettings.model_fields.keys() - MethodSettings.model_fields.keys()
        unknown = {key: value for key, value in merged.items() if key not in only_meta or key in system.settings}
        return MethodSettings.model_validate(unknown)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = _tables(merged.get(key), value)
        # A table that is given empty switches the common one off.
        merged[key] = None if value == {} else _merged(*both) if both else value
    return merged


def _tables(*values: Any) -> list[dict[str, Any]]:
    """The values, where each of them is a table; else none."""
    return list(values) if all(isinstance(value, dict) for value in values) else []


def _with_encoder(value: Any, encoder: str) -> Any:
    """Puts the encoder's name where vectors are to be made by it, also where another stands in for the recipe's."""
    if isinstance(value, dict):
        return {
            key: item.replace("{encoder}", encoder)
            if key == "vectors" and isinstance(item, str)
            else _with_encoder(item, encoder)
            for key, item in value.items()
        }
    return value


def _with_paths(value: Any, folder: Path, key: str = "") -> Any:
    """Makes the paths of a recipe absolute, wherever they stand."""
    if isinstance(value, dict):
        inside = key in {"tests", "train", "lexicons", "switched_dev"}
        table = cast("dict[str, Any]", value)
        return {k: _with_paths(v, folder, "path" if inside else k) for k, v in table.items()}
    if isinstance(value, list):
        return [_with_paths(item, folder, key) for item in cast("list[Any]", value)]
    if isinstance(value, str) and key in {"path", "source", "dev", "recipe"}:
        return str(folder / value)
    if isinstance(value, str) and key == "encoder" and value.startswith("."):
        return str((folder / value).resolve())
    if isinstance(value, str) and key == "vectors" and "@." in value:
        vectors, _, encoder = value.partition("@")
        return f"{vectors}@{(folder / encoder).resolve()}"
    return value
