"""Building blocks of encoders and decoders."""
