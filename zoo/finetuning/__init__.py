"""From a pretrained autoencoder to a model of a user's own data: a classifier, or the autoencoder itself trained on."""
