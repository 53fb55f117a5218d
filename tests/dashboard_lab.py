"""A live server on the real queue as the dashboard uses it: documented answers, fake work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import trio
from documented import Documented
from feed_lab import CHANGED, RIGHT, Lab, new_jobs, work
from queue_kit import run_next

from arrtheaudio.media import Decision, Explained, Outcome, Track

SKIPPED = Outcome("skipped", "no_matching_track", "No wished language inside")
DRY = Outcome("success", None, "Would set it")
ALL = [CHANGED, CHANGED, RIGHT, SKIPPED, DRY, ("corrupt", "cut short"), ("not_writable", "no")]


@attrs.frozen
class Dashboard:
    """Asks the API, and does the work that it asks for."""

    lab: Lab
    rest: Documented

    async def ask(self, method: str, path: str, /, **more: Any) -> Any:
        """The answer's status and JSON, checked."""
        answer = await self.rest.ask(method, path, **more)
        return answer.status_code, answer.json()

    async def get(self, path: str, /, **query: Any) -> Any:
        """``GET`` that must succeed."""
        status, body = await self.ask("GET", path, params=query)
        assert status == 200, body
        return body

    async def post(self, path: str, body: Any, status: int = 200) -> Any:
        """``POST`` that must be answered so."""
        found, answer = await self.ask("POST", path, json=body)
        assert found == status, answer
        return answer

    async def refused(self, path: str, /, **query: Any) -> Any:
        """``GET`` that is refused with 400; the fields that are named."""
        status, body = await self.ask("GET", path, params=query)
        assert status == 400, body
        return [error["field"] for error in body.get("errors", [])]

    async def run(self, outcomes: Sequence[Any], folder: str = "/media/tv") -> list[int]:
        """One job for each of these outcomes, done in order; their ids."""
        accepted = await self.lab.queue.submit(new_jobs(len(outcomes), folder))
        await self.finish(dict(zip(accepted.jobs, outcomes, strict=True)))
        return list(accepted.jobs)

    async def finish(self, outcomes: dict[int, Any]) -> None:
        """Work until nothing waits; what is not named is changed."""
        queue = self.lab.queue
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: work(queue, lambda claim: outcomes.get(claim.job, CHANGED)))
            while queue.state().queued or queue.state().running:
                await queue.wait_beyond(queue.head)
            nursery.cancel_scope.cancel()

    async def change(
        self, count: int, language: str = "ja", *, before: str = "en", method: str = "in_place"
    ) -> list[int]:
        """Jobs that change the default from one language to another, by a plan; their ids."""
        old = Track(1, 1, "audio", "aac", before, default=True)
        new = Track(2, 2, "audio", "aac", language)
        explained = (Explained(old, False, ""), Explained(new, True, ""))
        decision = Decision((language,), "", new, None, explained, "")
        await self.lab.queue.submit(new_jobs(count))
        done = attrs.evolve(CHANGED, method=method, decision=decision)
        return [await run_next(self.lab.queue, done) for _ in range(count)]

    async def undo(self, jobs: Sequence[int]) -> None:
        """Put the old bytes of these jobs back."""
        for job in jobs:
            await self.lab.queue.undo(job)
            await run_next(self.lab.queue, CHANGED)
