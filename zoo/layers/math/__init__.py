"""Mathematical functions used by the layers."""
