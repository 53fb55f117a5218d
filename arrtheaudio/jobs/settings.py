"""What the queue needs of the configuration (config.md: processing). Values only."""

from __future__ import annotations

import attrs


@attrs.frozen
class Settings:
    """Limits, delays and retention; ``Queue.configure`` changes them live."""

    max_queue_size: int = 100  # places
    worker_count: int = 2  # 0: deliveries run in the daemon, nothing else is taken
    max_mp4_concurrent: int = 1
    retry_attempts: int = 2
    retry_delay_seconds: float = 60
    space_check_seconds: float = 60
    job_history_days: float = 30
    failed_job_days: float = 90
    cleanup_interval_hours: float = 24
    timeout_seconds: float = 300
    shutdown_grace_seconds: float = 30
    settle_seconds: float = 5
    heeds_pause: bool = True  # False: who asks waits for it (the command line without a daemon)

    @property
    def max_attempts(self) -> int:
        """The first attempt and the automatic retries."""
        return 1 + self.retry_attempts
