"""What runs of one training say together: which of them are comparable, and where the best peak rate lies."""
