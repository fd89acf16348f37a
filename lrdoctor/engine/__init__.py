"""Rules: read from TOML files, checked as they are read, and matched against findings."""
