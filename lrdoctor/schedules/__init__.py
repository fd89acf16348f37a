"""Learning-rate schedules as pure functions of the step, relative to the peak; one module per family.

Each offers what `plugins.ScheduleLaw` says: it draws the law, recognises it in logged rates, and writes it as code. A
warm-up is no schedule of its own: `_plan.rates` puts one in front of any of them.
"""
