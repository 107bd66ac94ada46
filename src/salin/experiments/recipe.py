"""The recipe: a TOML file that says what is compared."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from salin.errors import SettingError
from salin.experiments.overlays import Large, for_large, has_large_encoder, merged, with_adaptation
from salin.experiments.places import with_encoder, with_paths
from salin.experiments.system import System, TaggerShape
from salin.experiments.unions import with_unions
from salin.models.byte_config import own_head
from salin.settings import AsBefore, StrictSettings
from salin.training.meta import MetaSettings
from salin.training.methods import MethodSettings
from salin.validation import check_kind, explain, place_of
from salin.values import is_object


class LabelSet(StrictSettings):
    """Corpora that are labelled alike, or of which each says what it annotates.

    In a recipe it may name others instead of files; see [with_unions][salin.experiments.unions.with_unions].

    Attributes:
        source: Training files; in a table by language where that matters (`sampling_temperature`, `supports_from`).
        dev: The source file that chooses checkpoints and settings, or several, one for each language.
        map: Label renamings for all of them; `O` drops a type.
        tests: Test files by name (a language, as a rule).
        unannotated: For each label the tests that do not annotate it, though others do: there it is not counted.
    """

    source: tuple[Path, ...] | dict[str, tuple[Path, ...]] = Field(min_length=1)
    dev: Path | tuple[Path, ...]
    map: dict[str, str] = Field(default_factory=dict)
    tests: dict[str, Path] = Field(default_factory=dict)
    unannotated: Annotated[dict[str, tuple[str, ...]], AsBefore({})] = Field(default_factory=dict)


class Recipe(StrictSettings):
    """What is compared.

    Attributes:
        title: Stands over the table.
        encoder: A bundled model, a folder or a Hugging Face id; `salin run --encoder` replaces it.
        baseline: The system that the others are tested against.
        seeds: One run of each system for each.
        training: Settings of every trained system; a system's own stand over them.
        adaptation: Settings of every adaptation; those of one of them stand over it.
        large: What is otherwise where the encoder is large.
        label_sets: By name.
        systems: By name.
        tagger: What every trained tagger is put together of.
        switched_dev: Dictionaries, by language, with which a pseudo-foreign copy of dev is made: source-side evidence
            for choosing settings, written into every cell.
        ordering: Chains of systems, each of which is said to be better than the one before it in its chain: a table
            shows whether they are.
    """

    title: str
    encoder: str
    baseline: str
    seeds: tuple[int, ...] = Field(min_length=1)
    training: dict[str, Any] = Field(default_factory=dict)
    adaptation: dict[str, Any] = Field(default_factory=dict)
    large: Large | None = None
    label_sets: dict[str, LabelSet] = Field(min_length=1)
    systems: dict[str, System] = Field(min_length=1)
    tagger: TaggerShape = Field(default_factory=TaggerShape)  # pyright: ignore[reportArgumentType]
    switched_dev: dict[str, tuple[Path, ...]] = Field(default_factory=dict)
    ordering: tuple[tuple[str, ...], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        for name in (self.baseline, *(system.baseline for system in self.systems.values())):
            if name is not None and name not in self.systems:
                raise ValueError(f"the baseline {name!r} is none of its systems")
        if missing := [name for chain in self.ordering for name in chain if name not in self.systems]:
            raise ValueError(f"the ordering names {missing[0]!r}, which is none of its systems")
        adapted = {f"{name}+{key}": how for name, system in self.systems.items() for key, how in system.adapt.items()}
        for how in adapted.values():
            if how.baseline is not None and how.baseline not in {*self.systems, *adapted}:
                raise ValueError(f"the baseline {how.baseline!r} is none of its rows")
        for labels in self.label_sets.values():
            if unknown := {test for tests in labels.unannotated.values() for test in tests} - labels.tests.keys():
                raise ValueError(f"`unannotated` names {min(unknown)!r}, which is none of the tests of its label set")
        for name in self.systems:
            self._check_tests(name)
            self._check_base(name)
        return self

    def label_sets_of(self, name: str) -> tuple[str, ...]:
        """Those that a system is trained on, one after another."""
        return self.systems[name].label_sets or tuple(self.label_sets)

    def _check_tests(self, name: str) -> None:
        used = self.label_sets_of(name)
        if unknown := [one for one in used if one not in self.label_sets]:
            raise ValueError(f"{name} is to be trained on {unknown[0]!r}, which is none of the label sets")
        tests = [test for one in used for test in self.label_sets[one].tests]
        if twice := sorted({test for test in tests if tests.count(test) > 1}):
            raise ValueError(
                f"two label sets of {name} have a test called {twice[0]!r}; their results would be one row"
            )
        how, silver = self.systems[name].translate, self.systems[name].silver
        for table in (how, silver):
            if table is not None and (wrong := sorted(set(tests) ^ table.translators.keys())):
                raise ValueError(f"{name} needs a translator for each of its tests and no other: see {wrong[0]!r}")
        if silver is not None and (wrong := sorted(set(tests) ^ silver.text.keys())):
            raise ValueError(f"{name} needs text for each of its tests and no other: see {wrong[0]!r}")

    def _check_base(self, name: str) -> None:
        """Follows what a system begins with, as far as this recipe says it."""
        seen = [name]
        while (how := self.systems[seen[-1]].trained_by) is not None and how.recipe is None:
            if how.system not in self.systems:
                raise ValueError(f"{seen[-1]} begins with {how.system!r}, which is none of its systems")
            if how.system in seen:
                raise ValueError(f"{name} begins with itself: {' <- '.join([*seen, how.system])}")
            if how.label_set is not None and how.label_set not in self.label_sets_of(how.system):
                raise ValueError(f"{seen[-1]} begins with {how.system!r} trained on {how.label_set!r}, which it is not")
            seen.append(how.system)

    @classmethod
    def read(cls, path: str | Path, encoder: str | None = None) -> Recipe:
        """Reads a recipe; paths in it are taken from its own folder.

        Args:
            path: A TOML file.
            encoder: Stands in for the recipe's encoder.

        Raises:
            SettingError: When it is missing, is no TOML, or holds a setting that does not exist.
            ModelError: When it depends on the size of the encoder, and there is none of this name.
        """
        path = Path(path)
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingError(f"{path}: no such recipe. Recipes are TOML files; salin's own are in recipes/") from None
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"{path}: no recipe: {error}") from error
        check_kind(raw, path, "systems")
        try:
            if is_object(raw.get("label_sets")):
                raw["label_sets"] = with_unions(raw["label_sets"])
            raw = with_paths(raw, path.resolve().parent)
            if encoder is not None:
                raw["encoder"] = encoder  # not from the recipe's folder, if it is a path
            recipe = cls._checked(raw)
            if recipe.large is None:
                return recipe
            # Checked also where it is not used, so that a mistake in it shows before there is a large encoder.
            large = cls._checked(for_large(raw))
        except ValidationError as error:
            settings = (Recipe, MetaSettings, TaggerShape)
            raise SettingError(f"{place_of(error, path)}: {explain(error, settings)}") from error
        except SettingError as error:
            raise SettingError(f"{path}: {error}") from None
        return large if has_large_encoder(recipe.encoder, recipe.large) else recipe

    @classmethod
    def _checked(cls, raw: dict[str, Any]) -> Recipe:
        recipe = cls.model_validate(with_encoder(with_adaptation(raw), str(raw.get("encoder"))))
        for system in recipe.systems.values():
            recipe.settings_of(system, 0)
            recipe.shape_of(system)
        return recipe

    def shape_of(self, system: System) -> TaggerShape:
        """What a system's taggers are put together of: the head is that of its encoder where none is named.

        Raises:
            ValidationError: When a setting does not exist or has a wrong value.
        """
        shape = TaggerShape.model_validate({**self.tagger.model_dump(), **system.tagger})
        return shape.model_copy(update={"head": shape.head or own_head(system.encoder or self.encoder)})

    def settings_of(self, system: System, seed: int) -> MethodSettings | MetaSettings:
        """The settings of a system's training with a seed.

        Raises:
            ValidationError: When one does not exist or has a wrong value.
        """
        settings = merged(self.training, system.settings)
        settings["seed"] = seed
        settings["loop"] = {**settings.get("loop", {"steps": 1, "learning_rate": 1e-4}), "seed": seed}
        if system.method == "meta":
            return MetaSettings.model_validate(settings)
        # The recipe's common settings may hold what only meta-training knows.
        only_meta = MetaSettings.model_fields.keys() - MethodSettings.model_fields.keys()
        of_all = {key: value for key, value in settings.items() if key not in only_meta or key in system.settings}
        return MethodSettings.model_validate(of_all)
