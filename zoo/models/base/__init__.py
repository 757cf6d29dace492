"""What the variants share: encoders, decoders, the autoencoder, and how they are assembled."""
