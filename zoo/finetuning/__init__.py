"""Fine-tuning of pretrained autoencoders on a user's data, as classifiers or as autoencoders."""
