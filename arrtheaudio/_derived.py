"""What the daemon's services get of the configuration, and what of it stays over a reload."""

from __future__ import annotations

import os

import attrs

from arrtheaudio.config import Config
from arrtheaudio.jobs.settings import Settings


def settings_of(config: Config) -> Settings:
    """What the queue needs of the configuration."""
    processing = config.processing
    return Settings(
        max_queue_size=processing.max_queue_size,
        worker_count=processing.worker_count,
        max_mp4_concurrent=processing.max_mp4_concurrent,
        retry_attempts=processing.retry_attempts,
        retry_delay_seconds=processing.retry_delay_seconds,
        space_check_seconds=processing.space_check_seconds,
        job_history_days=processing.job_history_days,
        failed_job_days=processing.failed_job_days,
        cleanup_interval_hours=processing.cleanup_interval_hours,
        timeout_seconds=processing.timeout_seconds,
        shutdown_grace_seconds=processing.shutdown_grace_seconds,
        settle_seconds=config.media.settle_seconds,
    )


def roots_of(config: Config) -> tuple[bytes, ...]:
    """The media roots, as the file system has them."""
    return tuple(os.fsencode(root) for root in config.media_roots)


def kept(new: Config, old: Config, paths: tuple[str, ...]) -> Config:
    """The new configuration with the old values at these key paths ("api.port")."""
    for path in paths:
        section, _, name = path.rpartition(".")
        if section:
            value = attrs.evolve(
                getattr(new, section), **{name: getattr(getattr(old, section), name)}
            )
            new = attrs.evolve(new, **{section: value})
        else:
            new = attrs.evolve(new, **{name: getattr(old, name)})
    return new
