"""The conformance suite: checks of what Kubernetes does, and the embedded cluster held against them."""

import pytest

pytest.register_assert_rewrite("tests.conformance.checks", "tests.conformance.space", "tests.conformance.transport")
