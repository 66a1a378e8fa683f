"""What a Lambda function imports first, so that it starts quickly. Other programs must not import it."""

import gc

# Imports make objects by the hundred thousand, hardly any of them garbage, and looking for it would take a
# part of every cold start.
gc.set_threshold(100_000)
