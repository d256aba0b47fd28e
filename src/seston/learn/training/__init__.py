"""Training: heads are fitted, networks tuned, and all that is known of it written down."""
