"""From advice to one consistent configuration for the next run."""
