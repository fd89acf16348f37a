"""Trainings with measured truth, and how well diagnoses agree with it."""
