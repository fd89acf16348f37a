"""One module per log format: each claims files, says which of them belong to one run, and reads that run.

Modules whose name starts with an underscore are shared by the parsers and claim nothing.
"""
