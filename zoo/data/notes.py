"""Messages about how a source was read."""


def notes_of(read):
    """Lines about how a stream or `Data` was read; they name and count the images and folders that were skipped.

    Args:
        read: an object with `notes`, a list of lines, and `skipped`, a list of ids, in order.
    """
    skipped = [*(f"skipped {name}: unreadable" for name in read.skipped), f"skipped {len(read.skipped)} in total"]
    return [*read.notes, *(skipped if read.skipped else ())]
