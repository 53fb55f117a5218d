"""arrtheaudio: the right audio track first, for every file Sonarr and Radarr import."""

__version__ = "0.1.0"
