"""TensorRT, also in its edition for RTX cards: engines are built before the show and kept."""
