"""Schedules as code for a framework; one module per framework, found by where it lies.

Each offers `TITLE` and `snippet(plan)`: complete code with its imports that gives the plan's rate at every step. Where
the framework has a class that follows the law exactly, that class is used; otherwise the law comes as a small function.
"""
