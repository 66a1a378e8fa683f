"""Imported first by what runs in a function of its own; never by what others import into their programs."""

import gc

# Imports make objects by the hundred thousand and no garbage, and a cold start is no time to look for it all
# the same.
gc.set_threshold(100_000)
