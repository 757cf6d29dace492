"""What was left out of a source, in words."""


def left_out(skipped):
    """Lines that name and count images and folders that could not be read; none where there were none.

    Args:
        skipped: their ids, in the order in which they were met.
    """
    return [*(f"left out {name}: unreadable" for name in skipped), f"left out {len(skipped)} in all"] if skipped else []
