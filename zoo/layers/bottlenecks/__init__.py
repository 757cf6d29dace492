"""Bottlenecks: from the encoder's output to the code that the decoder takes."""
