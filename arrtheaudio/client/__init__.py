"""How the command line talks to a daemon."""
