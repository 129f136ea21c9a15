"""How well an exported model does on clips and whole recordings."""
