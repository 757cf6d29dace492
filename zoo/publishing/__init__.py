"""From a trained model to a published weight set: measurements, cards, tables, gallery."""
