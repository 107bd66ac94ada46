"""What every result of a recipe has in common as a file: it is written whole, and says when it is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict

from salin.errors import DataError
from salin.files import write_json


class ResultFile(BaseModel):
    """A result that stands in a JSON file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: What is wrong with a file that holds no result of this kind, and what to do then.
    is_none: ClassVar[str]
    remedy: ClassVar[str]

    def save(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads the file.

        Raises:
            DataError: When it is no result of this kind.
        """
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise DataError(f"{cls.is_none}: {error}", path=path, remedy=cls.remedy) from error
