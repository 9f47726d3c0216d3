"""Annotation: rate music in the browser, measure rater agreement, weight raters into labels."""
