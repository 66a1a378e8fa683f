"""What happens to the service in `tests/test_model.py`, and what must then be in its table."""

import pytest

# So that an assertion that fails shows what it compared, as in a test.
pytest.register_assert_rewrite("tests.model.clients", "tests.model.writers")
