"""The report formats: one module each, and the module's name is the format's name."""
