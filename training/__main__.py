"""`python -m training`: data sets, distillation, fitting, judging."""

from training.cli import app

if __name__ == "__main__":
    app()
