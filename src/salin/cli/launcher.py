"""What a launcher of several processes (torchrun, `accelerate launch`) tells each of them.

Read from the environment, since most commands answer without loading torch.
"""

from __future__ import annotations

import os
import signal

from salin.errors import SettingError

_TOGETHER = ("train", "finetune", "pretrain")


def process_count() -> int:
    """How many processes this command was started in."""
    return int(os.environ.get("WORLD_SIZE", 1)) if "LOCAL_RANK" in os.environ else 1


def process_index() -> int:
    """Which of them this is; 0 is the main one, which alone writes and talks."""
    return int(os.environ.get("RANK", 0)) if process_count() > 1 else 0


def is_main() -> bool:
    """Whether this is the main process."""
    return process_index() == 0


def check_command(name: str | None) -> None:
    """Refuses a command that does not divide its work.

    Raises:
        SettingError: When it was started in several processes, which would all do the same.
    """
    if process_count() > 1 and name not in _TOGETHER:
        raise SettingError(
            f"salin {name} works in one process, and a launcher has started {process_count()}: give the command "
            f"without torchrun or accelerate launch, which serve {', '.join(_TOGETHER)}"
        )


def take_leave() -> None:
    """Leaves the other processes at the end of what was done together."""
    if process_count() > 1:
        from torch import distributed

        if distributed.is_initialized():
            distributed.destroy_process_group()


def end_at_once() -> None:
    """Lets signals end this process even where it waits for the others; only the main one has anything to clear up."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
