"""Code shared by the variants: encoder, decoder, autoencoder, and their assembly."""
