"""What an exception says, in a line."""


def first_line(error):
    """The first line of an exception's text: the system's own words if it has them, its kind if it has no text."""
    text = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(" .:")
