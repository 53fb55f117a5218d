#!/bin/sh
# For Settings → Connect → + → Custom Script, where webhooks cannot be used. Sonarr and
# Radarr start a script without arguments, so this one adds them. It needs arrtheaudio
# installed where they run; in their container or on their machine the daemon is found by
# these two lines, on the daemon's own machine by its configuration and data folder.
#export ARRTHEAUDIO_URL=http://HOST:9393
#export ARRTHEAUDIO_API_KEY=the-key
exec /opt/arrtheaudio/bin/arrtheaudio hook
