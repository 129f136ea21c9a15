"""The emulated Raspberry Pi: proves that the package runs there, and counts instructions. `python -m bench.pi FILES...`"""
