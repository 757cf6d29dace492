"""Names of classes, which are names of folders and may hold anything, as labels of a picture."""

import unicodedata

_LONGEST = 24


def class_labels(names):
    """Texts to draw for the names of classes, and the mapping of properties that matplotlib's labels need to draw them.

    A long name is shortened, and what cannot be seen in it, such as an end of line, is a space. Scripts that matplotlib's own
    font lacks are drawn in one that is installed; a name for which there is none is drawn as the number of the class.
    """
    from matplotlib import font_manager, rcParams

    texts = [_shown(name) for name in names]
    families = list(rcParams["font.family"])
    usual = font_manager.findfont(font_manager.FontProperties(family=families))
    missing = {letter for text in texts for letter in text} - _letters(usual)
    for font in font_manager.fontManager.ttflist if missing else ():
        # The font of last resort has a box for every letter, and one for each that is none.
        found = set() if font.name.startswith("Last Resort") else missing & _letters(font.fname)
        if found:
            families.append(font.name)
            missing -= found
        if not missing:
            break
    texts = [f"class {number}" if missing & set(text) or not text.strip() else text for number, text in enumerate(texts)]
    # A dollar sign is no mathematics here.
    return texts, {"family": families, "parse_math": False}


def _shown(name):
    text = "".join(" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in name)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _letters(path):
    """The letters that the font in a file has."""
    from matplotlib import ft2font

    try:
        font = ft2font.FT2Font(path)
        return {chr(code) for code in font.get_charmap()}
    except (OSError, RuntimeError):  # a file that is no font, or has no table of letters
        return set()
