"""Sonarr and Radarr: their deliveries, paths and language names. Pure."""
