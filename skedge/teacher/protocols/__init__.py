"""How a pretrained encoder is evaluated."""
