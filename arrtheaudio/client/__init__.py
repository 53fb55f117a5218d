"""How the command line talks to a daemon: by the API's contract, not by its insides."""

from arrtheaudio.client.http import Address, Daemon, connect
from arrtheaudio.client.waiting import ended_jobs

__all__ = ["Address", "Daemon", "connect", "ended_jobs"]
