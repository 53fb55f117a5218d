"""``python -m arrtheaudio`` is the command line."""

from arrtheaudio.cli import main

if __name__ == "__main__":
    main()
