"""What byte-level networks are called, and their sizes: those that were published, or others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from transformers import PreTrainedConfig

from salin.errors import SettingError
from salin.models.settings import Head


class ByteConfig(PreTrainedConfig):
    """What the config of every byte-level network has.

    Attributes:
        byte_embedding: The size of a byte's vector.
        byte_hidden: Of each direction of the LSTM over bytes.
        byte_layers: Its layers.
        dropout: The probability with which it and what stands on it lose a number.
        longest_word: The bytes of a word that the network reads; None is all of them.
    """

    byte_embedding: int = 128
    byte_hidden: int = 128
    byte_layers: int = 1
    dropout: float = 0.0
    longest_word: int | None = None

    @property
    def tags(self) -> int:
        """How many tags its network scores."""
        return len(self.id2label or {})

    def check(self) -> None:
        """Refuses sizes of which there is no network.

        Raises:
            SettingError: Naming the first.
        """
        for name in self.sizes():
            value = getattr(self, name)
            if name.endswith("dropout"):
                fits = isinstance(value, int | float) and 0 <= value < 1
            else:
                fits = (type(value) is int and value > 0) or (name == "longest_word" and value is None)
            if not fits:
                wanted = "a probability below 1" if name.endswith("dropout") else "a whole number above 0"
                raise SettingError(f"{name} is {value!r}; it has to be {wanted}")

    @classmethod
    def sizes(cls) -> list[str]:
        """The names of what can be chosen."""
        own = [kind for kind in reversed(cls.__mro__) if issubclass(kind, ByteConfig)]
        return list(dict.fromkeys(name for kind in own for name in vars(kind)["__annotations__"]))


class ByteBilstmConfig(ByteConfig):
    """Sizes of the byte-level BiLSTM-CRF; the defaults are those of Mueller et al. 2020.

    Attributes:
        word_hidden: Of each direction of the LSTM over words.
        word_layers: Its layers.
    """

    model_type = "salin-byte-bilstm"

    byte_embedding: int = 256
    byte_hidden: int = 256
    byte_layers: int = 2
    word_hidden: int = 512
    word_layers: int = 1
    dropout: float = 0.2
    longest_word: int | None = 64


class CharnerConfig(ByteConfig):
    """Sizes of CharNER over bytes; the defaults are those of Mueller et al. 2020.

    Attributes:
        byte_dropout: The probability with which a byte is not seen at all.
        output_dropout: As `dropout`, behind the last layer.
    """

    model_type = "salin-charner"

    byte_layers: int = 5
    byte_dropout: float = 0.2
    dropout: float = 0.5
    output_dropout: float = 0.8


#: What `--encoder` calls them, and the head that each has where none is asked for.
NAMES: Mapping[str, tuple[type[ByteConfig], Head]] = {
    "byte-bilstm": (ByteBilstmConfig, "crf"),
    "charner": (CharnerConfig, "softmax"),
}


def named_config(name: str | Path) -> ByteConfig | None:
    """The config of a byte-level network that is made from scratch.

    Args:
        name: `byte-bilstm` or `charner`, and behind a colon what differs from the published sizes:
            `byte-bilstm:byte_hidden=128,word_hidden=256`.

    Returns:
        None where the name is of something else.

    Raises:
        SettingError: When there is no such size, or no network of this size.
    """
    kind, _, sizes = str(name).partition(":")
    if kind not in NAMES:
        return None
    config = NAMES[kind][0]()
    for size in filter(None, sizes.split(",")):
        field, equals, value = (part.strip() for part in size.partition("="))
        if not equals or field not in config.sizes():
            raise SettingError(f"{name}: there is no size {size!r}. Write NAME=NUMBER of {', '.join(config.sizes())}")
        try:
            setattr(config, field, float(value) if field.endswith("dropout") else int(value))
        except (ValueError, TypeError) as error:
            raise SettingError(f"{name}: {field} is no number: {value!r}") from error
    try:
        config.check()
    except SettingError as error:
        raise SettingError(f"{name}: {error}") from None
    return config


def own_head(name: str | Path) -> Head:
    """The head that a tagger has where none is asked for: `softmax` on all that is pretrained."""
    kind = str(name).partition(":")[0]
    return NAMES[kind][1] if kind in NAMES else "softmax"
