"""The two ways in which a test can end without having shown its promise."""


class Unavailable(Exception):
    """Something from outside cannot be had here (a refused download): the test is skipped."""


class Failure(AssertionError):
    """What the test wanted did not come true; `details` is what a person wants to read next."""

    def __init__(self, message, details=""):
        super().__init__(message)
        self.details = details
