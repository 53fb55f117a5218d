"""The queue: an append-only journal, its fold, and the workers."""
