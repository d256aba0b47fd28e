"""Datasets in the forms that others read."""
