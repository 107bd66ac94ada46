"""A setting that is newer than a result makes it stale only where it is not what was done before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from salin.settings import AsBefore, as_before, compared


class Old(BaseModel):
    """As settings were when a result was made."""

    k: int = 2


class New(Old):
    """The same with a setting more, whose default is what was done before."""

    first_rank: Annotated[int, AsBefore(1)] = Field(1, gt=0)


class Newest(Old):
    """The same with another default."""

    first_rank: Annotated[int, AsBefore(1)] = Field(2, gt=0)


def test_an_added_setting_changes_nothing_until_it_is_used() -> None:
    assert compared(New()) == compared(New(first_rank=1)) == compared(Old()) == {"k": 2}
    assert compared(New(first_rank=2)) == {"k": 2, "first_rank": 2}
    assert New().model_dump() == {"k": 2, "first_rank": 1}, "records say everything"


def test_a_changed_default_counts() -> None:
    assert compared(Newest()) == {"k": 2, "first_rank": 2}
    assert compared(Newest(first_rank=1)) == compared(Old())
    assert compared(Old(k=3)) != compared(Old())


def test_settings_that_hold_settings() -> None:
    class Outer(BaseModel):
        inner: New = New()
        by_name: dict[str, New] = {}
        several: tuple[New, ...] = ()
        path: Path | None = None
        extra: Annotated[New | None, AsBefore(None)] = None

    plain = compared(Outer(by_name={"a": New()}, several=(New(),), path=Path("x")))
    assert plain == {"inner": {"k": 2}, "by_name": {"a": {"k": 2}}, "several": [{"k": 2}], "path": Path("x")}
    assert compared(Outer(extra=New()))["extra"] == {"k": 2}
    assert as_before(Outer()) == {"inner": {"first_rank": True}, "extra": True}
    assert Outer().model_dump(exclude=as_before(Outer()))["inner"] == {"k": 2}
