"""Runs side by side: the table that `lrdoctor compare` prints, and its formats."""
