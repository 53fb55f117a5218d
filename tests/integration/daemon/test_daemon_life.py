"""The daemon's life inside one process: a service that fails, a file operation that hangs."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from synth import mkv

from arrtheaudio import config, daemon, media
from arrtheaudio._derived import kept, settings_of
from arrtheaudio._stopping import Backstop, StopRequests
from arrtheaudio.config import Config, Loaded
from arrtheaudio.daemon import Running, serve
from arrtheaudio.errors import CannotListen, ConfigError, JournalLocked, ServiceFailed
from arrtheaudio.jobs import workers
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.engine import Engine
from arrtheaudio.jobs.events import Row
from arrtheaudio.jobs.models import NewJob
from arrtheaudio.jobs.queue import Queue, open_queue
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.jobs.writer import Encoded, Writer
from arrtheaudio.media import Outcome, Plan


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return load(tmp_path)


def load(folder: Path, **overrides: Any) -> Loaded:
    for name in ("media", "data"):
        (folder / name).mkdir(exist_ok=True)
    return config.load(
        data_dir=str(folder / "data"),
        overrides={
            "media_roots": [str(folder / "media")],
            "api.port": 0,
            "logging.output": str(folder / "log"),
            **overrides,
        },
        environ={"HOME": str(folder)},
        system_folder=str(folder),
    )


async def test_a_service_that_fails_ends_the_daemon_with_its_name_and_nothing_is_lost(
    loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: object, *, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(daemon.Discoveries, "run", fail)
    with pytest.raises(ServiceFailed, match=r"The discovery failed \(ZeroDivisionError: oh\)"):
        await serve(loaded)
    assert "Traceback" in (tmp_path / "log").read_text()
    async with open_queue(Path(loaded.journal_path), Settings()) as queue:
        assert queue.health().writable


async def test_a_failing_service_inside_the_queue_ends_the_daemon_as_clearly(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: Queue) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Queue, "_retain", fail)
    with pytest.raises(ServiceFailed, match=r"The queue failed \(ZeroDivisionError: oh\)"):
        await serve(loaded)


async def test_a_row_that_cannot_be_folded_ends_the_daemon_instead_of_hanging_it(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = Queue.landed

    def fail(self: Queue, rows: Sequence[Row]) -> None:
        if any(row.type == "daemon.stopping" for row in rows):
            raise ZeroDivisionError("oh")
        landed(self, rows)

    monkeypatch.setattr(Queue, "landed", fail)

    async def live() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(serve, loaded)
            os.kill(os.getpid(), signal.SIGTERM)

    with (
        trio.fail_after(60),
        pytest.RaisesGroup(
            pytest.RaisesExc(ServiceFailed, match="The queue failed"), allow_unwrapped=True
        ),
    ):
        await live()


async def test_the_daemon_that_reports_started_answers_and_stops_by_signal(
    loaded: Loaded,
) -> None:
    async with trio.open_nursery() as nursery:
        running: Running = await nursery.start(serve, loaded)
        stream = await trio.open_tcp_stream("127.0.0.1", running.port)
        async with stream:
            await stream.send_all(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b"".join([part async for part in stream])
        assert b'{"status":"OK"}' in answer
        os.kill(os.getpid(), signal.SIGTERM)


async def test_a_cancelled_daemon_ends_and_leaves_its_journal_free(loaded: Loaded) -> None:
    for _ in range(2):
        async with trio.open_nursery() as nursery:
            await nursery.start(serve, loaded)
            nursery.cancel_scope.cancel()


async def test_a_file_operation_that_hangs_cannot_keep_the_daemon_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []
    hanging, let_go = trio.Event(), trio.Event()
    queues: list[Queue] = []

    async def hang(self: object, claim: Claim, *, heavy: bool, before_write: object) -> Outcome:
        with trio.CancelScope(shield=True):  # as a thread in the kernel
            hanging.set()
            await let_go.wait()
        return Outcome("skipped", "already_correct", "")

    def hard_exit(code: int) -> None:
        codes.append(code)
        let_go.set()

    class RememberedWorkers(daemon.Workers):
        def __init__(self, queue: Queue, engine: Engine) -> None:
            super().__init__(queue, engine)
            queues.append(queue)

    monkeypatch.setattr(daemon, "Workers", RememberedWorkers)
    monkeypatch.setattr(daemon.MediaEngine, "process", hang)
    monkeypatch.setattr(daemon, "HUNG_SECONDS", 0.05)
    loaded = load(tmp_path, **{"processing.shutdown_grace_seconds": 0})
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve, loaded, hard_exit=hard_exit))
        await queues[0].submit([NewJob(b"/dead/share/a.mkv")])
        await hanging.wait()
        os.kill(os.getpid(), signal.SIGTERM)
    assert codes == [1]
    assert "a file operation hangs: /dead/share/a.mkv" in (tmp_path / "log").read_text()


async def test_a_stop_goes_on_while_the_disk_keeps_its_row_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()  # the disk
    stopping = trio.Event()
    commit, interrupt = Writer.commit, daemon.Workers.interrupt

    def slowly(self: Writer, rows: Sequence[Row], encoded: Sequence[Encoded]) -> None:
        if any(row.type == "daemon.stopping" for row in rows):
            answers.wait(30)
        commit(self, rows, encoded)

    def interrupted(self: daemon.Workers) -> None:
        stopping.set()
        interrupt(self)

    monkeypatch.setattr(Writer, "commit", slowly)
    monkeypatch.setattr(daemon.Workers, "interrupt", interrupted)
    monkeypatch.setattr(daemon, "STOPPING_ROW_SECONDS", 0.05)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, load(tmp_path))
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            with trio.fail_after(10):
                await stopping.wait()
        finally:
            answers.set()
    assert "daemon_stopped" in (tmp_path / "log").read_text()


async def test_a_third_signal_ends_the_process_there_and_then() -> None:
    codes: list[int] = []
    asked = StopRequests(Backstop(codes.append))
    for _ in range(3):
        assert codes == []
        asked.receive(signal.SIGINT)
    assert (codes, asked.stop.is_set(), asked.at_once.is_set()) == ([1], True, True)


def test_the_backstop_strikes_unless_it_is_disarmed() -> None:
    struck = threading.Event()
    backstop = Backstop(lambda code: struck.set())
    backstop.arm(0.0)
    assert struck.wait(60)
    struck.clear()
    backstop.arm(3600.0)
    backstop.disarm()
    backstop.disarm()
    assert not struck.is_set()


async def test_an_open_edit_is_settled_before_http_opens(loaded: Loaded, tmp_path: Path) -> None:
    file = tmp_path / "media" / "a.mkv"
    file.write_bytes(mkv())
    os.utime(file, (1_700_000_000, 1_700_000_000))
    job = await crash_behind_the_plan(Path(loaded.journal_path), os.fsencode(file))
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, loaded)
        nursery.cancel_scope.cancel()
    async with open_queue(Path(loaded.journal_path), Settings()) as queue:
        found = await queue.job(job)
    assert [event.type for event in found.events[:3]] == [
        "job.queued", "job.started", "job.interrupted",
    ]  # fmt: skip


async def test_a_stop_is_journalled_while_the_start_still_waits_for_a_hung_file(
    loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "media" / "film.mkv"
    file.write_bytes(mkv())
    os.utime(file, (1.7e9, 1.7e9))
    await crash_behind_the_plan(Path(loaded.journal_path), os.fsencode(file))
    asked, journalled = trio.Event(), trio.Event()

    async def hang(self: Engine, plan: Plan) -> None:
        asked.set()
        await journalled.wait()
        await trio.sleep_forever()

    stopping = Queue.stopping

    async def noted(self: Queue) -> None:
        await stopping(self)
        journalled.set()

    monkeypatch.setattr(daemon.MediaEngine, "recover", hang)
    monkeypatch.setattr(Queue, "stopping", noted)
    monkeypatch.setattr(workers, "RECOVERY_PATIENCE_SECONDS", 3600.0)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, loaded)
            await asked.wait()
            os.kill(os.getpid(), signal.SIGTERM)
            await journalled.wait()
            nursery.cancel_scope.cancel()


async def test_a_configuration_that_hangs_holds_up_no_stop(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    token = trio.lowlevel.current_trio_token()
    reading = trio.Event()

    def hang(self: Loaded) -> Loaded:
        token.run_sync_soon(reading.set)
        go.wait()
        return self

    monkeypatch.setattr(Loaded, "reload", hang)
    try:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                await nursery.start(serve, loaded)
                os.kill(os.getpid(), signal.SIGHUP)
                await reading.wait()
                os.kill(os.getpid(), signal.SIGTERM)
    finally:
        go.set()


async def crash_behind_the_plan(journal: Path, path: bytes) -> int:
    """A daemon that dies when its plan is durable and no byte is written."""
    jobs: list[int] = []
    async with open_queue(journal, Settings()) as queue:
        accepted = await queue.submit([NewJob(path)])
        jobs += accepted.jobs
        await queue.work_changed()
        claim = queue.claim(light=True, heavy=True)
        assert claim is not None
        queue.started(claim, 1)

        async def before_write(plan: Plan) -> None:
            await queue.planned(claim, plan)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await media.run(media.Request(path, media.Rules()), before_write=before_write)
    return jobs[0]


async def test_a_port_in_use_is_a_clear_error(loaded: Loaded, tmp_path: Path) -> None:
    listener, *_ = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port}"):
            await serve(load(tmp_path, **{"api.port": port}))


async def test_a_log_file_or_data_folder_that_cannot_be_used_is_a_configuration_error(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    for wrong in (
        load(tmp_path, **{"logging.output": str(tmp_path / "no" / "log")}),
        load(tmp_path, **{"jobs.storage_path": str(tmp_path / "file" / "jobs.db")}),
    ):
        with pytest.raises(ConfigError, match="cannot be"):
            await serve(wrong)


async def test_a_journal_that_is_held_is_a_clear_error(loaded: Loaded) -> None:
    async with open_queue(Path(loaded.journal_path), Settings()):
        with pytest.raises(JournalLocked):
            await serve(loaded)


def test_every_setting_of_the_queue_comes_from_the_configuration(tmp_path: Path) -> None:
    numbers = {
        "worker_count": 3, "max_mp4_concurrent": 2, "max_queue_size": 7, "timeout_seconds": 8.0,
        "retry_attempts": 9, "retry_delay_seconds": 10.0, "space_check_seconds": 11.0,
        "shutdown_grace_seconds": 12.0, "job_history_days": 13, "failed_job_days": 14,
        "cleanup_interval_hours": 15.0,
    }  # fmt: skip
    overrides = {f"processing.{name}": value for name, value in numbers.items()}
    loaded = load(tmp_path, **overrides, **{"media.settle_seconds": 16.0})
    others = {"settle_seconds": 16.0, "heeds_pause": True}  # the last is the command line's alone
    assert attrs.asdict(settings_of(loaded.config)) == numbers | others


def test_what_needs_a_restart_keeps_its_old_value(tmp_path: Path) -> None:
    old = load(tmp_path, **{"api.port": 1, "media_roots": ["/old"]}).config
    new = load(tmp_path, **{"api.port": 2, "api.url_base": "/x", "media_roots": ["/new"]}).config
    both: Config = kept(new, old, ("api.port", "media_roots"))
    assert (both.api.port, both.api.url_base, both.media_roots) == (1, "/x", ("/old",))
