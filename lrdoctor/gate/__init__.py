"""The gate for CI: what fails, what is pardoned, and why."""
