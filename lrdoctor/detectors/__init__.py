"""Detectors: each module measures one thing in a run and yields findings. They know no severity and give no advice."""
