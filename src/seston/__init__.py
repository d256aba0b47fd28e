"""seston: plankton-imaging campaigns, from pictures to knowledge."""

__version__ = "0.1.0"
