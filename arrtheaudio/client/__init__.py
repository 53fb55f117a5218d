"""How the command line talks to a daemon: by the API's contract, not by its insides."""

from arrtheaudio.client.http import Address, Daemon, connect
from arrtheaudio.client.waiting import ENDED, batch_states, ended_jobs

__all__ = ["ENDED", "Address", "Daemon", "batch_states", "connect", "ended_jobs"]
