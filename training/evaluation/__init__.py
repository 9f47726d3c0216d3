"""Judging: folds, metrics, baselines, reports."""
