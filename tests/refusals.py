"""Calls that are refused, and what is said of them."""

import pytest


def refuses(*cases, error=ValueError):
    """Makes a test of calls that are refused.

    Args:
      *cases: `(function, *arguments, pattern)`, the pattern of the error's message.
      error: the kind of error.
    """

    @pytest.mark.parametrize("case", cases, ids=lambda case: case[-1])
    def test(case):
        function, *arguments, pattern = case
        with pytest.raises(error, match=pattern):
            function(*arguments)

    return test
