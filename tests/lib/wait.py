"""Waiting for something to come true, with a limit."""

import time

from lib.errors import Failure


def until(condition, timeout_s, what, pause_s=0.05):
    """What `condition()` gives as soon as it is true; Failure when it is not within the time.

    `what` says what was waited for: a text, or a function that gives one when the wait has failed.
    """
    end = time.monotonic() + timeout_s
    while True:
        last_try = time.monotonic() >= end
        result = condition()
        if result:
            return result
        if last_try:
            said = what() if callable(what) else what
            raise Failure(f"waited {timeout_s:g} s in vain: {said}")
        time.sleep(pause_s)
