"""Audio and features of the pieces: decoding, MIDI rendering, venues, frames, embeddings."""
