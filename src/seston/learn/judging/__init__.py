"""Judging: what a model is worth, from its scores of vignettes that it did not learn from."""
