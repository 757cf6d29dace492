"""How the weights begin, where the data decides."""
