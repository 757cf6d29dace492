"""Class names, which may contain any characters of folder names, as labels of plots."""

import unicodedata

_LONGEST = 24


def class_labels(names):
    """Texts for the class names, and a mapping of the text properties that matplotlib needs to draw them.

    Long names are shortened, and control characters become spaces. Scripts that the default font of matplotlib lacks are drawn
    in an installed font that has them; if there is none, the number of the class replaces its name.
    """
    from matplotlib import font_manager, rcParams

    texts = [_visible(name) for name in names]
    families = list(rcParams["font.family"])
    usual = font_manager.findfont(font_manager.FontProperties(family=families))
    missing = {letter for text in texts for letter in text} - _letters(usual)
    for font in font_manager.fontManager.ttflist if missing else ():
        # The fonts called Last Resort contain boxes instead of letters.
        found = set() if font.name.startswith("Last Resort") else missing & _letters(font.fname)
        if found:
            families.append(font.name)
            missing -= found
        if not missing:
            break
    texts = [f"class {number}" if missing & set(text) or not text.strip() else text for number, text in enumerate(texts)]
    # Dollar signs are not math mode here.
    return texts, {"family": families, "parse_math": False}


def _visible(name):
    text = "".join(" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in name)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _letters(path):
    """The set of characters of the font in a file."""
    from matplotlib import ft2font

    try:
        font = ft2font.FT2Font(path)
        return {chr(code) for code in font.get_charmap()}
    except (OSError, RuntimeError):  # not a font, or a font without a character map
        return set()
