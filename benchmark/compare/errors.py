# SPDX-License-Identifier: MIT


class Refusal(Exception):
    """What was wrong, and what would be right; the last line that the user sees."""


class Failure(Exception):
    """How a program ended that should have ended well."""
