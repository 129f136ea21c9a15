"""The self-supervised methods, one module each, and the losses that they share."""
