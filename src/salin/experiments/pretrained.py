"""The encoder of a cell that names a pretraining recipe: made with the cell's seed, once for all that share it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from filelock import FileLock

from salin.errors import SettingError
from salin.experiments.inputs import encoder_checksum
from salin.experiments.system import PretrainedBy
from salin.files import atomic_write
from salin.pretraining.curves import LOG
from salin.pretraining.run import pretrain, snapshot_folder, write_untrained
from salin.pretraining.run_cost import COST
from salin.pretraining.settings import PretrainingSettings


@dataclass(frozen=True)
class PretrainedEncoder:
    """An encoder that a pretraining recipe makes.

    Attributes:
        how: The recipe, and which model of its run.
        seed: Of everything that is drawn in pretraining.
        runs: Where runs go.
    """

    how: PretrainedBy
    seed: int
    runs: Path

    @cached_property
    def settings(self) -> PretrainingSettings:
        """The recipe with this seed.

        Raises:
            SettingError: When there is no such recipe, it is wrong, or its runs keep no model of the step.
        """
        read = PretrainingSettings.read(self.how.recipe, self.how.settings)
        step, every = self.how.step, read.snapshot_every
        if step and (not every or step % every or step > read.loop.steps):
            raise SettingError(f"{self.how.recipe}: keeps no model of step {step}: see snapshot_every and steps there")
        loop, mixture = (part.model_copy(update={"seed": self.seed}) for part in (read.loop, read.mixture))
        return read.model_copy(update={"loop": loop, "mixture": mixture})

    @property
    def name(self) -> str:
        """`RUN-SEED.SETTINGS`, and the step if it is not the last: another one for other settings or other text.

        Text counts by where it lies from the recipe; a run itself compares it by its content.
        """
        settings = self.settings
        read = {
            "text": settings.text.model_dump(mode="json", exclude={"store"}),
            "tokenizer": settings.tokenizer.folder,
        }
        base = {} if settings.base is None else {"the base": encoder_checksum(settings.base)}
        made_of = json.dumps([settings.described(), read, base], sort_keys=True, default=str)
        made_of = made_of.replace(f"{self.how.recipe.resolve().parent}/", "")
        run = f"{self.how.run_name}-{self.seed}.{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"
        return run if self.how.step is None else f"{run}@{self.how.step}"

    @property
    def folder(self) -> Path:
        """Where it lies, or will."""
        return self._run / "encoder" if self.how.step is None else snapshot_folder(self._run, self.how.step)

    @property
    def _run(self) -> Path:
        return self.runs / "pretrained" / self.name.partition("@")[0]

    def made(self) -> Path:
        """Its folder; it is pretrained now where it is missing, and a run that was interrupted goes on."""
        self._run.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self._run}.lock"):
            if not self.folder.exists():
                (write_untrained if self.how.step == 0 else pretrain)(self.settings, self._run)
        return self.folder

    def record(self, results: Path) -> None:
        """Copies what a finished run says of itself to `RUN-SEED` among the results, for documents."""
        if (self._run / COST).exists():
            kept = results / f"{self.how.run_name}-{self.seed}"
            for name in (LOG, COST):
                with atomic_write(kept / name, "wb") as file:
                    file.write((self._run / name).read_bytes())
