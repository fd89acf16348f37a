"""Learning-rate schedules as pure functions of the step, relative to the peak; one module per family.

Each offers `Params` (frozen, every field with its unit), `lr(steps, params)` and `pytorch(params)`. A warm-up is no
schedule of its own: `_join.warmed_up` puts one in front of any of them.
"""
