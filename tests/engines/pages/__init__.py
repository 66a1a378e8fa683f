import pytest

# So that an assertion that fails shows what it compared, as in a test.
pytest.register_assert_rewrite("tests.engines.pages.showing")
