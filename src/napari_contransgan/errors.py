"""The one error type that a user may cause and can mend."""


class InputError(ValueError):
    """Bad input: the message names the file or layer, says what is wrong and what to do.

    The command line prints it as one line and exits with status 2; the window shows it as a notification.
    Everything else that is raised is a fault of the program.
    """


class UnusableFrameError(InputError):
    """A frame of a series holds nothing to compute with, while others may."""
