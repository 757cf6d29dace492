"""Messages about skipped images."""


def skipped_notes(skipped):
    """Lines that name and count the images and folders that could not be read; an empty list if there are none.

    Args:
        skipped: list of their ids, in order.
    """
    return [*(f"skipped {name}: unreadable" for name in skipped), f"skipped {len(skipped)} in total"] if skipped else []
