"""seston."""
