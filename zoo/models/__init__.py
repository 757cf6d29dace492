"""One file a variant. `zoo/models/vae.py` is the variant `vae`: its paper, its defaults, its `build`."""
