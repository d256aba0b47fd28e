"""Comparing: a grid of networks and heads on learning sets."""
