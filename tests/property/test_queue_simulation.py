"""Days of the whole queue under a virtual clock, with random faults of the disk, crashes, restarts.

Producers, workers that run, fail, hang and get cancelled, a batch, an
impatient user, and a hurried one who asks whenever the journal fails or is open
again and takes nothing yet; commits that fail before, behind, or in the opening.
A life ends by a crash, by a clean stop in the middle of everything, or at rest.
The seed is in the test's name, so a failure names it.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from queue_kit import DONE, delivery, inline_queue, plan_for, snapshot

from arrtheaudio.errors import (
    AlreadyEnded,
    BatchExists,
    JournalUnavailable,
    QueueFull,
    UnknownId,
)
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import ENDED, JobFilter, NewBatch, Status
from arrtheaudio.jobs.queue import Queue
from arrtheaudio.jobs.verify import verify_file

WORKERS = 3
HEAVY = 1
HOURS_OF_A_LIFE = 2.0
LIVES = 6
RUNTIME = (
    *("_owned", "_claims", "_files", "_unsettled", "_starting", "_batch_rows", "_paces"),
    "_reserved",
)


class World:
    """What outlives the daemon: the disk's temper, what clients were told, what ran when."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.faulty = 0.02
        self.acknowledged: set[int] = set()
        self.cancelled: set[int] = set()
        self.touching: Counter[bytes] = Counter()
        self.sweeps = 0
        self.running = 0
        self.heavy = 0
        self.changed_after_cancel: list[int] = []

    def fault(self, moment: str) -> None:
        if self.chance.random() < self.faulty:
            raise OSError(f"simulated fault: {moment}")

    def latency(self) -> float:
        return self.chance.choice((0.0, 0.001, 0.01, 0.5))


async def produce(world: World, queue: Queue) -> None:
    while True:
        await trio.sleep(world.chance.expovariate(1 / 60))
        count = world.chance.randrange(1, 4)
        files = [f"/m/{world.chance.randrange(30)}.{kind}" for kind in ("mkv", "mp4")]
        try:
            accepted = await queue.deliver(delivery(*(files * 2)[:count]))
            world.acknowledged.update(accepted.jobs)
            if world.chance.random() < 0.1:
                await sweep(world, queue)
        except (QueueFull, JournalUnavailable):
            continue


async def sweep(world: World, queue: Queue) -> None:
    world.sweeps += 1
    batch = await queue.start_batch(NewBatch(b"/n/%d" % world.sweeps))
    await trio.sleep(world.chance.expovariate(1 / 30))
    if world.chance.random() < 0.3:
        with suppress(AlreadyEnded, UnknownId):
            await queue.cancel_batch(batch, force=world.chance.random() < 0.5)


async def discover(world: World, queue: Queue) -> None:
    while True:
        discovery = await queue.next_discovery()
        with discovery.scope, suppress(JournalUnavailable):
            chunks = world.chance.randrange(1, 4)
            for chunk in range(chunks):
                found = [b"/n/%d.mkv" % at for at in range(world.chance.randrange(6))]
                complete = chunk == chunks - 1
                if not await queue.batch_discovered(
                    discovery.batch, found, last=b"/n/%d" % chunk, complete=complete
                ):
                    break


async def cancel_some(world: World, queue: Queue) -> None:
    while True:
        await trio.sleep(world.chance.expovariate(1 / 200))
        state = queue.state()
        jobs = [*state.current, *state.next]
        if jobs:
            job = world.chance.choice(jobs).seq
            try:
                await queue.cancel(job)
            except (AlreadyEnded, JournalUnavailable, UnknownId):
                continue
            world.cancelled.add(job)


async def hurry(world: World, queue: Queue) -> None:
    while True:
        await queue._feed.wait_change()
        if queue.health().writable:
            continue
        state = queue.state()
        jobs = [job.seq for job in (*state.current, *state.next)]
        batches = [batch.seq for batch in queue.live_batches()]
        try:
            match world.chance.randrange(4):
                case 0 if batches:
                    await queue.cancel_batch(world.chance.choice(batches))
                case 1 if jobs:
                    await queue.cancel_many(jobs[:3])
                case 2 if jobs:
                    world.cancelled.add(await cancelled(queue, world.chance.choice(jobs)))
                case _:
                    await queue.start_batch(NewBatch(b"/hurried"))
        except (AlreadyEnded, BatchExists, JournalUnavailable, QueueFull, UnknownId):
            continue


async def cancelled(queue: Queue, job: int) -> int:
    await queue.cancel(job)
    return job


async def dispatch(world: World, queue: Queue) -> None:
    slots, heavy_slots = trio.CapacityLimiter(WORKERS), trio.CapacityLimiter(HEAVY)

    async def work(claim: Claim) -> None:
        try:
            await attempt(world, queue, claim)
        finally:
            queue.release(claim)
            slots.release_on_behalf_of(claim)
            if claim.heavy:
                heavy_slots.release_on_behalf_of(claim)
            queue.recheck()

    async with trio.open_nursery() as nursery:
        while True:
            for claim, _plan in await open_plans(queue):
                await settle(world, queue, claim)
            while slots.available_tokens:
                free = heavy_slots.available_tokens > 0
                claim = queue.claim(light=True, heavy=free)
                if claim is None:
                    break
                slots.acquire_on_behalf_of_nowait(claim)
                if claim.heavy:
                    heavy_slots.acquire_on_behalf_of_nowait(claim)
                nursery.start_soon(work, claim)
            await queue.work_changed()


async def open_plans(queue: Queue) -> list:  # type: ignore[type-arg]
    try:
        return await queue.take_open_plans()
    except JournalUnavailable:
        return []


async def settle(world: World, queue: Queue, claim: Claim) -> None:
    try:
        if world.chance.random() < 0.5:
            await queue.interrupted(claim)
        else:
            await queue.completed(claim, DONE)
    except JournalUnavailable:
        pass
    finally:
        queue.release(claim)


async def attempt(world: World, queue: Queue, claim: Claim) -> None:
    world.running += 1
    world.heavy += claim.heavy
    world.touching[claim.path] += 1
    assert world.running <= WORKERS
    assert world.heavy <= HEAVY
    assert world.touching[claim.path] == 1, "one file, one run"
    assert claim.attempt <= claim.max_attempts
    try:
        with claim.scope:
            queue.started(claim, 1)
            await trio.sleep(world.chance.expovariate(1 / 20))
            with trio.CancelScope(shield=True):
                await queue.planned(claim, plan_for(claim.path))
                if claim.job in world.cancelled:
                    world.changed_after_cancel.append(claim.job)
                await trio.sleep(world.chance.expovariate(1 / 5))
                await end(world, queue, claim)
            return
        await queue.interrupted(claim)
    except JournalUnavailable:
        return
    finally:
        world.running -= 1
        world.heavy -= claim.heavy
        world.touching[claim.path] -= 1


async def end(world: World, queue: Queue, claim: Claim) -> None:
    dice = world.chance.random()
    if dice < 0.7:
        await queue.completed(claim, DONE)
    elif dice < 0.8:
        await queue.failed(claim, "corrupt", "bad")
    elif dice < 0.9:
        await queue.deferred(claim, "busy", delay=5)
    elif claim.attempt < claim.max_attempts:
        await queue.retrying(claim, "io_error", "bad", 60)
    else:
        await queue.failed(claim, "io_error", "bad")


@pytest.mark.parametrize("seed", range(4))
async def test_days_of_faults_lose_nothing(tmp_path: Path, autojump_clock, seed: int) -> None:
    world = World(seed)
    path = tmp_path / "0.db"
    for life in range(LIVES):
        ending = world.chance.choice(("crash", "crash", "stop", "rest"))
        world.running = world.heavy = 0
        world.touching.clear()
        world.faulty, faulty = 0.0, world.faulty  # a daemon whose first commit fails does not start
        async with inline_queue(
            path, fault=world.fault, latency=world.latency, max_queue_size=40
        ) as queue:
            world.faulty = faulty
            async with trio.open_nursery() as nursery:
                nursery.start_soon(dispatch, world, queue)
                nursery.start_soon(discover, world, queue)
                async with trio.open_nursery() as users:
                    users.start_soon(produce, world, queue)
                    users.start_soon(cancel_some, world, queue)
                    users.start_soon(hurry, world, queue)
                    await trio.sleep(world.chance.uniform(0.1, HOURS_OF_A_LIFE) * 3600)
                    users.cancel_scope.cancel()
                if ending == "rest":
                    world.faulty = 0.0
                    await come_to_rest(queue)
                if ending == "crash":
                    path = snapshot(path, tmp_path / f"{life + 1}.db")
                    acknowledged = set(world.acknowledged)
                    told = set(world.cancelled)
                nursery.cancel_scope.cancel()
            world.faulty = 0.0
        if ending == "crash":
            world.acknowledged, world.cancelled = acknowledged, told
        world.faulty = faulty
    world.faulty = 0.0
    await finish_everything(world, path)


async def come_to_rest(queue: Queue) -> None:
    """All that was ever acknowledged ends by itself, and nothing of it is left in memory."""
    with trio.fail_after(10 * 86_400):
        while queue.state().queued or queue.state().running or queue.live_batches():
            await queue.wait_beyond(queue.head)
        await trio.sleep(1)  # who has ended leaves
    left = {name: getattr(queue, name) for name in RUNTIME}
    assert not any(left.values()), left
    assert not queue._lanes._excluded


async def finish_everything(world: World, path: Path) -> None:
    """The last life has no faults: all that was ever acknowledged ends, exactly once."""
    async with inline_queue(path, max_queue_size=40) as queue:
        async with trio.open_nursery() as nursery:
            world.running = world.heavy = 0
            world.touching.clear()
            nursery.start_soon(dispatch, world, queue)
            nursery.start_soon(discover, world, queue)
            await come_to_rest(queue)
            nursery.cancel_scope.cancel()
        ends: dict[int, Status] = {}
        offset = 0
        while page := (await queue.jobs(JobFilter(limit=1000, offset=offset))).jobs:
            ends.update((job.seq, job.status) for job in page)
            offset += len(page)
    assert verify_file(path) == []
    assert world.acknowledged <= ends.keys(), "an acknowledged job was lost"
    assert len(world.acknowledged) > 50, "the world is too quiet to prove anything"
    assert set(ends.values()) <= ENDED
    assert all(ends[job] is Status.CANCELLED for job in world.cancelled)
    assert not world.changed_after_cancel
