"""Evaluation: cross-validation, baselines, ablation, diagnostics, reports."""
