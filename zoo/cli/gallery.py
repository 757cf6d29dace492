"""`zoo gallery`: write a page of all weight sets, to look through in a browser."""

import os

HELP = "write a page of all weight sets, to look through in a browser"


def add_arguments(parser):
    parser.add_argument("folder", help="for index.html and its pictures")


def run(arguments):
    from zoo.publishing.gallery.page import write

    count = write(arguments.folder)
    print(f"wrote {count} cards to {os.path.join(arguments.folder, 'index.html')}")
