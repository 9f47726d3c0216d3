"""From a sound to its message: each step of the way, the whole from outside, and the response."""
