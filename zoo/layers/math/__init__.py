"""Mathematics that the layers need."""
