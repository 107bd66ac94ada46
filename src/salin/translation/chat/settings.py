"""Settings of chat translators, as they stand behind the `?` of a translator's name."""

from __future__ import annotations

from typing import Literal, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from salin.errors import SettingError
from salin.translation.translator import TOGETHER
from salin.validation import explain


class ChatSettings(BaseModel):
    """What all chat translators share.

    Attributes:
        prompts: `default` asks at most twice a sentence, `official` 3 + 3n times as published.
        cache: File of answers; by default `answers.sqlite` in salin's cache folder. `off` keeps none.
        max_characters: A longer sentence is not sent, and counted as lost.
        max_tokens: The longest answer; by default what the prompts want (2,048; 512 a turn).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompts: Literal["default", "official"] = "default"
    cache: str = ""
    max_characters: int = Field(2000, ge=1)
    max_tokens: int | None = Field(None, ge=1)


class EndpointSettings(ChatSettings):
    """How a server is asked.

    Attributes:
        model: Its name for the model.
        concurrency: How many requests may be under way: at most as many as sentences are asked about together.
        requests_per_minute: How many may begin in a minute; by default as many as can.
        attempts: How often a request is made that a server or the network fails.
        backoff: Seconds before the second attempt; they double, and are drawn at random below that.
        connect_timeout: Seconds to connect.
        read_timeout: Seconds between two pieces of an answer; servers send it in one piece when it is ready.
        timeout: Seconds for an answer in all, attempts and pauses between them included.
        max_bytes: The largest answer that is read.
        input_price: What a million tokens that are sent cost, in any currency.
        output_price: What a million tokens of answers cost.
    """

    model: str = Field(min_length=1)
    concurrency: int = Field(8, ge=1, le=TOGETHER)
    requests_per_minute: float | None = Field(None, gt=0)
    attempts: int = Field(5, ge=1, le=100)
    backoff: float = Field(0.5, ge=0)
    connect_timeout: float = Field(10, gt=0)
    read_timeout: float = Field(300, gt=0)
    timeout: float = Field(600, gt=0)
    max_bytes: int = Field(1_000_000, ge=1)
    input_price: float = Field(0, ge=0)
    output_price: float = Field(0, ge=0)


class LocalSettings(ChatSettings):
    """How a model on this machine is asked.

    Attributes:
        batch: How many conversations go through it at once.
    """

    batch: int = Field(8, ge=1)


Settings = TypeVar("Settings", bound=ChatSettings)


def parse_settings(query: str, kind: type[Settings]) -> Settings:
    """Reads `model=NAME&prompts=official`.

    Args:
        query: What stands behind the `?`.
        kind: Which settings there are.

    Raises:
        SettingError: Naming the setting.
    """
    try:
        # Names of models hold a plus, and it is no space there.
        pairs = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise SettingError("the settings of a translator are written NAME=VALUE&NAME=VALUE") from None
    values = dict(pairs)
    if len(values) < len(pairs):
        raise SettingError("a setting of the translator is given twice")
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        if any(problem["type"] == "missing" and problem["loc"] == ("model",) for problem in error.errors()):
            raise SettingError("a server is asked for a model by name: add ?model=NAME to its address") from None
        raise SettingError(f"the translator's settings: {explain(error, [kind])}") from None
