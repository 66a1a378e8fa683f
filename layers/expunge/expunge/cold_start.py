"""Imported first by what runs in a function of its own; never by what others import into their programs."""

import gc

# Imports make objects by the hundred thousand, hardly any of them garbage, and looking for it would take a
# part of every cold start.
gc.set_threshold(100_000)
