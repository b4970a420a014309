"""The latency of requests under load: to the first token, and between tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archcalc.memory.serving import Request, Serving
from archcalc.memory.sizes import BATCH, resized
from archcalc.prediction.estimate import Estimate
from archcalc.prediction.generation import decode


@dataclass(frozen=True)
class Load:
    """Requests served at once.

    Attributes:
        requests: how many; position: of the mean request, in the middle of its new tokens.
        first: the time to the first token for each length, with its prompt computed alone.
        token: the time from one token to the next, with all requests in one step.
    """

    requests: int
    position: int
    first: tuple[Estimate, ...]
    token: Estimate

    @property
    def tokens_per_second(self) -> float:
        """Tokens per second over all requests."""
        return self.requests / self.token.seconds if self.token.seconds else 0.0


def at_load(serving: Serving, load: Sequence[Request]) -> Load:
    """The times under a load: prompts are computed one by one, and steps at the mean position.

    A step reads the caches of all requests. Its time grows linearly with their positions, so their mean suffices.
    """
    count = sum(one.count for one in load)
    position = sum(one.count * (one.prompt + (one.new_tokens + 1) // 2) for one in load) // count
    single = resized(serving.graph, {BATCH: 1})
    first = []
    for one in load:
        found = decode(single, serving.running.also(batch=1, length=one.prompt + 1, new_tokens=1), absorbs=True)
        first.append(found.prefill.forward)
    together = resized(serving.graph, {BATCH: count})
    step = decode(together, serving.running.also(batch=count, length=max(2, position), new_tokens=1), absorbs=True).step
    return Load(count, position, tuple(first), step)
