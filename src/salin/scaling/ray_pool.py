"""Workers by Ray Data, on this machine or on a cluster.

Ray Data streams rows through operators and may run any task twice, so it promises nothing about files that a task
writes. What goes through it here is therefore no text but descriptions of shards: one row in, one short row out. It
does what it is good at (a pool of actors that load once, their restart, the scheduling over machines), and a shard that
is tagged twice is renamed into the same place twice.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from types import TracebackType
from typing import Any

from salin.errors import SettingError
from salin.scaling.pool import MakeWork

# Nothing but descriptions lies in Ray's store of objects; it takes no less than 75 MiB.
_STORE = 80 << 20
# Rows are handed over in blocks, which cost some time each; a worker takes one at a time.
_MOST_BLOCKS = 20_000


class RayPool:
    """Actors on the cluster that `RAY_ADDRESS` names, or on a cluster of this machine's that is there as long as this.

    Args:
        workers: How many, each with one thread; None is one for each processor core.

    Raises:
        SettingError: When Ray is not installed.
    """

    def __init__(self, workers: int | None = None) -> None:
        if find_spec("ray") is None or find_spec("pyarrow") is None:
            raise SettingError("this needs Ray, which is not installed: pip install 'salin[ray]'")
        self._workers = workers
        self._stack = ExitStack()
        self._connected = False

    def __enter__(self) -> RayPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()
        self._connected = False

    def map(self, make: MakeWork, items: Sequence[str]) -> Iterator[str]:
        """Sends items through actors; see [Pool][salin.scaling.pool.Pool]."""
        if not self._connected:
            self._stack.enter_context(connection(self._workers))
            self._connected = True
        import ray
        import ray.data

        # What it has to say to users is about datasets, of which they know nothing.
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        context = ray.data.DataContext.get_current()
        bars, context.enable_progress_bars = context.enable_progress_bars, False
        workers = self._workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        rows = ray.data.from_items(
            [{"item": item} for item in items], override_num_blocks=min(len(items), _MOST_BLOCKS)
        )
        results = rows.map_batches(
            _Worker,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(items)), max_tasks_in_flight_per_actor=1),
            fn_constructor_args=(make, os.getcwd()),
            num_cpus=1,
        )
        try:
            for row in results.iter_rows():
                yield row["result"]
        finally:
            context.enable_progress_bars = bars


class _Worker:
    """An actor: one thread, in the folder that relative paths are relative to."""

    def __init__(self, make: MakeWork, folder: str) -> None:
        # Libraries that are not imported yet read the one, torch itself the other.
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[name] = "1"
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        if os.path.isdir(folder):
            os.chdir(folder)
        self._work = make()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
        return {"result": [self._work(str(item)) for item in batch["item"]]}


@contextmanager
def connection(workers: int | None) -> Generator[None]:
    """Connects this process: to what it is connected to already, else to what `RAY_ADDRESS` names, else to its own.

    A cluster of its own listens on the loopback address alone, and is gone with its folder at the end.
    """
    address = os.environ.get("RAY_ADDRESS")
    # Nobody is told that salin is used.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if not address:
        # Ray's name for the switch by which its processes bind to the loopback address alone.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    import ray

    if ray.is_initialized():
        yield
        return
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            # Ray takes the signal over, and would end with a status of its own.
            handler = signal.getsignal(signal.SIGTERM)
            stack.callback(signal.signal, signal.SIGTERM, handler)
        else:
            handler = None
        if address:
            ray.init(address, **common)
        else:
            folder = tempfile.mkdtemp(prefix="salin-ray-")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            ray.init(
                "local",
                num_cpus=workers or len(os.sched_getaffinity(0)),
                num_gpus=0,
                include_dashboard=False,
                object_store_memory=_STORE,
                _temp_dir=folder,
                **common,
            )
        shutdown: Callable[[], None] = ray.shutdown
        stack.callback(shutdown)
        if handler is not None:
            signal.signal(signal.SIGTERM, handler)
        yield
