"""The feed's messages as lines for people: a word, its colour, and what happened to what.

Pure. Knows the messages as docs/feed.md describes them; nothing of connections and terminals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from arrtheaudio.cli.output import brief, counted

Message = Mapping[str, Any]

GOOD: Final = "green"
MIXED: Final = "yellow"
BAD: Final = "red"
PLAIN: Final = "cyan"


class Told(NamedTuple):
    """One line."""

    word: str
    colour: str
    rest: str


def told(message: Message) -> Told | None:
    """A message in words; None for what only numbers and bars show."""
    words = _WORDS.get(message["type"])
    return None if words is None else words(message)


def _completed(message: Message) -> Told:
    if message.get("result") == "skipped":
        return _job("skipped", MIXED)(message)
    return _job("success", GOOD)(message)


def _job(word: str, colour: str) -> Callable[[Message], Told]:
    def words(message: Message) -> Told:
        text = brief(message.get("message"), message["file_path"])
        reason = message.get("reason")
        why = f" ({reason})" if text and reason else ""
        rest = text or reason
        return Told(word, colour, f"{message['file_path']}{f': {rest}' if rest else ''}{why}")

    return words


def _space(message: Message) -> Told:
    needed = f"{message['needed'] / 1e9:,.1f} GB needed, {message['free'] / 1e9:,.1f} GB free"
    return Told("no space", BAD, f"{message['file_path']}: {needed}")


def _batch(word: str, colour: str) -> Callable[[Message], Told]:
    def words(message: Message) -> Told:
        return Told("batch", colour, f"{message['batch_id']} {word}: {message.get('path') or ''}")

    return words


def _delivery(message: Message) -> Told:
    app = "/".join(filter(None, (message.get("source"), message.get("instance"))))
    title = f", {message['title']}" if message.get("title") else ""
    files = counted(message.get("total_jobs") or 0, "file")
    return Told("delivery", PLAIN, f"{app} {message.get('event')}: {files}{title}")


def _refused(message: Message) -> Told:
    app = "/".join(filter(None, (message.get("source"), message.get("instance"))))
    return Told("refused", BAD, f"a delivery of {app}: HTTP {message['status']}")


def _health(message: Message) -> Told:
    status = message["status"]
    bad = [c for c in message.get("checks") or () if c["status"] not in ("ok", "healthy")]
    why = "; ".join(f"{check['name']}: {check['detail']}" for check in bad)
    return Told("health", GOOD if status == "healthy" else BAD, f"{status}. {why}".strip(". "))


def _hello(message: Message) -> Told:
    queue = message["queue"]
    paused = ", paused" if message["paused"] else ""
    return Told(
        "connected",
        GOOD,
        f"arrtheaudio {message['version']}: {queue['running']} running, "
        f"{queue['queued']} waiting{paused}",
    )


def _gap(message: Message) -> Told:
    numbers = f"{message['from']} to {message['to']}"
    return Told("gap", BAD, f"events {numbers} are not kept any more")


def _fixed(word: str, colour: str, rest: str) -> Callable[[Message], Told]:
    return lambda message: Told(word, colour, rest)


_WORDS: Final[Mapping[str, Callable[[Message], Told]]] = {
    "hello": _hello,
    "lost": _fixed("lost", BAD, "the connection; it is tried again"),
    "gap": _gap,
    "job.completed": _completed,
    "job.failed": _job("failed", BAD),
    "job.cancelled": _job("cancelled", MIXED),
    "job.retrying": _job("retry", MIXED),
    "job.deferred": _job("later", MIXED),
    "job.interrupted": _job("stopped", MIXED),
    "job.waiting_for_space": _space,
    "job.undone": _job("undone", PLAIN),
    "batch.queued": _batch("queued", PLAIN),
    "batch.cancelling": _batch("is being cancelled", MIXED),
    "batch.completed": _batch("completed", GOOD),
    "batch.cancelled": _batch("cancelled", MIXED),
    "batch.failed": _batch("failed", BAD),
    "webhook.received": _delivery,
    "source.refused": _refused,
    "queue.paused": _fixed("queue", MIXED, "paused"),
    "queue.resumed": _fixed("queue", GOOD, "runs again"),
    "daemon.stopping": _fixed("daemon", MIXED, "is stopping"),
    "health.changed": _health,
}
