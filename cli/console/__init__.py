"""The pages of `expunge serve` and `expunge console`: a console and the API's reference."""
