"""Learning sets: sorted vignettes from whatever source, and how they are parted."""
