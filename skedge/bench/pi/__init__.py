"""The emulated Raspberry Pi: proves that the package runs there, and counts instructions.
`python -m skedge.bench.pi FILES...`"""
