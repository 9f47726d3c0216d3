"""The school where the model learns: data sets, features, fitting, evaluation."""
