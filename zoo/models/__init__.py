"""Variants, one file each: `zoo/models/vae.py` defines the variant `vae`, with its paper, its defaults and its `build`."""
