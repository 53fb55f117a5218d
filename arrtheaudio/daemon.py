"""The daemon: one nursery with every service in it, their order of life, and how it ends.

Start: data folder, journal (lock, replay), key, open plans, discovery, HTTP last.
Stop: a durable ``daemon.stopping``, no new job; HTTP goes on while running jobs get
their grace, then their scopes are cancelled; HTTP closes, the journal encloses all
this and closes last. A service that fails ends the daemon; nothing accepted is lost.

Knows every part, and nothing of their insides. queue.md: Workers; config.md.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import attrs
import structlog
import trio

from arrtheaudio import __version__, _garbage, _keys, logs
from arrtheaudio._derived import kept, roots_of, settings_of
from arrtheaudio._notify import Notifier
from arrtheaudio._stopping import STOP_SIGNALS, Backstop, StopRequests
from arrtheaudio.api.app import create_app
from arrtheaudio.api.server import serve_http
from arrtheaudio.api.services import Services
from arrtheaudio.config import Changes, Config, Loaded, changes
from arrtheaudio.errors import (
    ArrtheaudioError,
    CannotListen,
    ConfigError,
    JournalUnavailable,
    ServiceFailed,
)
from arrtheaudio.jobs.discovery import Discoveries, ThreadWalker
from arrtheaudio.jobs.engine import MediaEngine, Policy
from arrtheaudio.jobs.links import LinkWatch
from arrtheaudio.jobs.queue import Queue, open_queue
from arrtheaudio.jobs.walk import printable
from arrtheaudio.jobs.workers import Workers

# Docker kills 10 s after SIGTERM: the row that makes a stop clean must be durable long before.
STOPPING_ROW_SECONDS: Final = 2.0
# For a file operation that no cancellation reaches (a dead share); then the process goes without.
HUNG_SECONDS: Final = 10.0
# For HTTP to close, and for the journal's last commits.
CLOSE_SECONDS: Final = 10.0
COLLECTION_SECONDS: Final = 600.0  # for what became garbage in its old age
SHORT_QUEUE: Final = 5_000  # jobs
WATCHDOG_SHARE: Final = 3  # systemd hears of us that many times in its interval
ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}

_log = structlog.get_logger(__name__)


@attrs.frozen
class Running:
    """A daemon that serves. ``key_path``: where the key lies that was made for it."""

    url: str
    key_path: str | None
    port: int


async def serve(
    loaded: Loaded,
    *,
    task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED,
    hard_exit: Callable[[int], object] = os._exit,
) -> None:
    """Run the daemon until SIGTERM or SIGINT; started once HTTP is open.

    Must run in the main thread, for the signals. Raises: ConfigError, JournalLocked,
    JournalTooNew, JournalCorrupt, JournalError, CannotListen, ServiceFailed.
    """
    began = time.time()
    gc.disable()  # of what is made now, most stays
    _configure_logs(loaded.config)
    _make_data_folder(loaded)
    backstop = Backstop(hard_exit)
    try:
        async with open_queue(Path(loaded.journal_path), settings_of(loaded.config)) as queue:
            key = _keys.obtain(loaded)
            _configure_logs(loaded.config, key)
            await Daemon(loaded, queue, key, began, backstop).run(task_status)
    except BaseExceptionGroup as group:
        raise _single(group) from None
    except ArrtheaudioError:
        raise
    except Exception as error:  # of a service inside the queue
        raise _failed_service("queue", error) from error
    finally:
        backstop.disarm()
        gc.enable()
    _log.info("daemon_stopped")


class Daemon:
    """The services of one life, on an open queue."""

    def __init__(
        self, loaded: Loaded, queue: Queue, key: _keys.ApiKey, began: float, backstop: Backstop
    ) -> None:
        self._loaded = loaded
        self._config = loaded.config
        self._queue = queue
        self._key = key
        self._began = began
        self._backstop = backstop
        self._asked = StopRequests(backstop)
        self._notifier = Notifier(os.environ)
        self._engine = MediaEngine(self._policy(self._config))
        self._workers = Workers(queue, self._engine)
        self._walker = ThreadWalker(roots_of(self._config))
        self._discoveries = Discoveries(queue, self._walker)
        self._links = LinkWatch(queue, self._engine, self._waits_for_links)
        self._reload_asked = trio.Event()  # replaced each time
        self._stop_journalled = trio.Event()  # or it could not be
        self._stopping = trio.Event()
        self._http_stop = trio.Event()
        self._http_closed = trio.Event()
        self._services = self._for_requests()
        self._app = create_app(self._services)

    async def run(self, task_status: trio.TaskStatus[Running]) -> None:
        """Start every service, wait for the wish to stop, stop."""
        async with trio.open_nursery() as services:
            await services.start(self._watch_signals)
            services.start_soon(self._journal_stop)
            services.start_soon(self._reload_when_asked)
            await services.start(_supervised, "workers", self._workers.run)
            discovery = trio.CancelScope()
            await services.start(_supervised, "discovery", self._discoveries.run, discovery)
            await services.start(_supervised, "watch over hard links", self._links.run)
            port = await services.start(_supervised, "HTTP server", self._serve_http)
            services.start_soon(self._feed_watchdog)
            services.start_soon(self._collect_garbage)
            _garbage.keep_what_is()
            task_status.started(self._announce(port))
            await self._asked.stop.wait()
            await self._stop(discovery)
            services.cancel_scope.cancel()

    # --- services ---

    def _for_requests(self) -> Services:
        return Services(
            queue=self._queue,
            config=self._config,
            data_dir=Path(self._loaded.data_dir),
            started_at=self._began,
            api_key=self._key.secret,
            stopping=self._stopping,
            run_here=self._workers.run_here,
        )

    async def _serve_http(self, *, task_status: trio.TaskStatus[int]) -> None:
        api = self._config.api
        try:
            await serve_http(
                self._app,
                self._config,
                stop=self._http_stop,
                task_status=task_status,
            )
        except OSError as error:
            raise CannotListen(f"{api.host}:{api.port}: {error.strerror or error}") from error
        self._http_closed.set()

    async def _watch_signals(self, *, task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(*STOP_SIGNALS, signal.SIGHUP) as signals:
            task_status.started()
            async for signum in signals:
                if signum == signal.SIGHUP:
                    self._reload_asked.set()
                else:
                    self._asked.receive(signum)

    async def _feed_watchdog(self) -> None:
        interval = self._notifier.watchdog_seconds
        while interval is not None:
            self._notifier.alive()
            await trio.sleep(interval / WATCHDOG_SHARE)

    async def _collect_garbage(self) -> None:
        while True:
            await trio.sleep(COLLECTION_SECONDS)
            if self._queue.state().queued < SHORT_QUEUE:
                gc.collect()

    def _announce(self, port: int) -> Running:
        api = self._config.api
        host = ANY_ADDRESS.get(api.host, api.host)
        where = f"[{host}]" if ":" in host else host
        running = Running(f"http://{where}:{port}{api.url_base}", self._key.path, port)
        _log.info(
            "daemon_ready",
            version=__version__,
            dashboard=running.url,
            key_file=running.key_path,
            sqlite=self._queue.health().sqlite_version,
            seconds=round(time.time() - self._began, 3),
        )
        if not self._config.media_roots:
            _log.warning("media_roots_empty", advice="Every file is refused; name your folders.")
        self._notifier.ready()
        return running

    # --- a new configuration (SIGHUP) ---

    def _policy(self, config: Config) -> Policy:
        return Policy(
            rules=config.rules(),
            options=config.options(os.fsencode(self._loaded.before_images)),
            roots=roots_of(config),
            dry_run=config.execution.dry_run,
        )

    def _waits_for_links(self) -> bool:
        return self._config.media.hardlinks == "wait"

    async def _reload_when_asked(self) -> None:
        """A task of its own: a configuration file that hangs holds up no other signal."""
        while True:
            await self._reload_asked.wait()
            self._reload_asked = trio.Event()
            await self._reload()

    async def _reload(self) -> None:
        """Take over what can change live; what cannot is named in the log and stays."""
        self._notifier.reloading()
        try:
            loaded = await trio.to_thread.run_sync(self._loaded.reload, abandon_on_cancel=True)
            new = loaded.config
            differing = changes(self._config, new)
            wanted = kept(new, self._config, differing.restart)
            _configure_logs(wanted, self._key)
        except ConfigError as error:
            _log.error("configuration_refused", problems=str(error))
        else:
            settings, policy = settings_of(wanted), self._policy(wanted)  # all of it, or nothing
            self._config = self._services.config = wanted
            self._queue.configure(settings)
            self._engine.policy = policy
            self._walker.roots = roots_of(wanted)
            self._workers.configure()
            _tell_of_reload(differing)
        self._notifier.ready()

    # --- stopping ---

    async def _stop(self, discovery: trio.CancelScope) -> None:
        grace = self._config.processing.shutdown_grace_seconds
        self._backstop.arm(STOPPING_ROW_SECONDS + grace + HUNG_SECONDS + 2 * CLOSE_SECONDS)
        self._notifier.stopping(f"{len(self._workers.running)} jobs are running")
        with trio.move_on_after(STOPPING_ROW_SECONDS):
            await self._stop_journalled.wait()
        self._stopping.set()
        discovery.cancel()
        with trio.move_on_after(grace):
            await _first(self._workers.idle, self._asked.at_once.wait)
        self._workers.interrupt()
        self._backstop.arm(HUNG_SECONDS + 2 * CLOSE_SECONDS)
        with trio.move_on_after(HUNG_SECONDS) as patience:
            await self._workers.idle()
        if patience.cancelled_caught:
            files = ", ".join(printable(path) for path in self._workers.running)
            self._backstop.strike(f"a file operation hangs: {files}")
        self._http_stop.set()
        with trio.move_on_after(CLOSE_SECONDS):
            await self._http_closed.wait()

    async def _journal_stop(self) -> None:
        """A task of its own: a commit that has begun is waited for, whatever is cancelled.

        It waits for no service, so that a stop in the midst of the start is no crash.
        """
        await self._asked.stop.wait()
        grace = self._config.processing.shutdown_grace_seconds
        try:
            await self._queue.stopping()
            _log.info("daemon_stopping", running=len(self._workers.running), grace_seconds=grace)
        except JournalUnavailable as error:
            _log.warning("stop_not_journalled", detail=str(error))
        self._stop_journalled.set()


class Service(Protocol):
    """Something that runs for ever and says when it has begun."""

    async def __call__(self, *, task_status: trio.TaskStatus[Any]) -> None: ...


async def _supervised(
    name: str,
    service: Service,
    scope: trio.CancelScope | None = None,
    *,
    task_status: trio.TaskStatus[Any],
) -> None:
    """A service in its own scope; its exception ends the daemon with a clear message."""
    try:
        with scope or trio.CancelScope():
            await service(task_status=task_status)
    except* ArrtheaudioError:
        raise
    except* Exception as group:
        error = _single(group)
        raise _failed_service(name, error) from error


def _failed_service(name: str, error: BaseException) -> ServiceFailed:
    _log.critical("service_failed", service=name, exc_info=error)
    return ServiceFailed(f"The {name} failed ({type(error).__name__}: {error})")


async def _first(*waits: Callable[[], Any]) -> None:
    """Return when the first of them does."""
    async with trio.open_nursery() as nursery:

        async def wait_for(wait: Callable[[], Any]) -> None:
            await wait()
            nursery.cancel_scope.cancel()

        for wait in waits:
            nursery.start_soon(wait_for, wait)


def _tell_of_reload(differing: Changes) -> None:
    """What did not take effect is told at the level that most people log."""
    paths = {"changed": differing.live, "needs_restart": differing.restart}
    told = {name: ", ".join(found) for name, found in paths.items() if found}
    log = _log.warning if differing.restart else _log.info
    log("configuration_reloaded", **told)


def _configure_logs(config: Config, key: _keys.ApiKey | None = None) -> None:
    logging = config.logging
    secrets = (key.secret,) if key is not None and key.secret is not None else ()
    try:
        logs.configure(
            format=logging.format, level=logging.level, output=logging.output, secrets=secrets
        )
    except OSError as error:
        problem = f"{logging.output} cannot be written: {error.strerror}"
        raise ConfigError((("logging.output", problem),)) from error


def _make_data_folder(loaded: Loaded) -> None:
    for folder in (Path(loaded.data_dir), Path(loaded.journal_path).parent):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            problem = f"{folder} cannot be made: {error.strerror}"
            raise ConfigError((("--data-dir", problem),)) from error


def _single(error: BaseException) -> BaseException:
    """What was wrapped once for each nursery on its way, unwrapped where it is one error."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        (error,) = error.exceptions
    return error
