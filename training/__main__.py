"""`python -m training`: data sets, distillation, fitting, judging."""

from training.cli import app

app()
