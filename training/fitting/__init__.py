"""Learning: recipes, batches, losses, the loop."""
