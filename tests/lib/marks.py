"""What a test can say about itself, as decorators, and the clock of its time limit."""

import contextlib
import signal

DEFAULT_LIMIT_S = 120


def start_clock(test):
    """From now on the test has its time; SIGALRM comes at its end."""
    signal.setitimer(signal.ITIMER_REAL, getattr(test, "limit_s", DEFAULT_LIMIT_S))


@contextlib.contextmanager
def clock_stopped():
    """A first download, or waiting for another test's, is not the test's own time."""
    left_s, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left_s)


def each(*values):
    """Runs the test once for each value, its second argument: @each("mysql97", "mariadb10")."""
    def mark(test):
        test.each = values
        return test
    return mark


def limit(seconds):
    """How long the test may take; time spent on first downloads is not counted."""
    def mark(test):
        test.limit_s = seconds
        return test
    return mark


def alone(test):
    """No other test runs meanwhile: for what measures time or needs the machine."""
    test.alone = True
    return test
