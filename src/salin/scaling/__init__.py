"""Tagging past one process: input in shards, workers that each open the tagger once, a manifest of what is finished.

A shard is tagged by itself and its output is a file of its own, so whatever dies, no more is lost than the shards in
flight. What scaling does not know: how anything is tagged (it is handed a function that opens a tagger), and commands.
"""

from __future__ import annotations

from salin.scaling.pool import InProcess, Pool
from salin.scaling.ray_pool import RayPool
from salin.scaling.run import Failure, Outcome, Progress, tag_files

__all__ = ["Failure", "InProcess", "Outcome", "Pool", "Progress", "RayPool", "tag_files"]
