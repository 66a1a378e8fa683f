"""Message deletion on AWS Lambda: soft delete first, purge later."""

import gc

# Before anything else is imported. Imports make objects by the hundred thousand and no garbage, and looking
# for it all the same takes a fifth of a cold start.
gc.set_threshold(100_000)
