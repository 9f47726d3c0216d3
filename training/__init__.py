"""Training stack: data sets, features, fitting, evaluation, annotation; see `docs/training.md`."""
