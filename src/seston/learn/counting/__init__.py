"""Counting: numbers of organisms that survive the errors of the classifier."""
