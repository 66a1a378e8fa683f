"""Message deletion on AWS Lambda: soft delete first, purge later."""
