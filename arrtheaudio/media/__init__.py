"""One media file: what is in it, which audio track should be first, and the edit in place."""
