"""Message deletion on AWS Lambda: soft delete first, purge later."""

import gc

# Before anything else is imported: imports make objects by the hundred thousand and no garbage, and a cold
# start is no time to look for it all the same.
gc.set_threshold(100_000)
