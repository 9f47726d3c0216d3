"""Fitting: recipes, sampling, augmentation, losses, the training loop, distillation, soups."""
