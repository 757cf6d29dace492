"""`zoo gallery`: write an HTML page that shows all weight sets."""

import os

HELP = "write an HTML page that shows all weight sets"


def add_arguments(parser):
    parser.add_argument("folder", help="folder to write index.html and its images to")


def run(arguments):
    from zoo.publishing.gallery.page import write

    count = write(arguments.folder)
    print(f"wrote {count} cards to {os.path.join(arguments.folder, 'index.html')}")
