"""Bottlenecks: from what the encoder finds to the code that the decoder reads."""
