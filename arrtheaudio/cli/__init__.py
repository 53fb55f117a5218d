"""The command line: one module per group of commands, loaded only when it is called.

Owns words, tables and exit codes. It may call the daemon, the client and the
doors of jobs and media, and knows nothing of their insides.
"""

from arrtheaudio.cli.root import main

__all__ = ["main"]
