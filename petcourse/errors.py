"""What an exception says, in a line."""


def first_line(error):
    """The first line of an exception's text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(" .:")
