"""The 5-layer ST-GCN student and its distillation."""
