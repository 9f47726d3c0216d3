"""`python -m deploy serve`: one engine, on a GPU say, for the streamers of many venues."""
