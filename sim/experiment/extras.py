"""What is said where a library is missing that only an extra of the package brings."""


class MissingExtraError(ImportError):
    """A library of an extra is not installed: the message says which, and how to install it."""
