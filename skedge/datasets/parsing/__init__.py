"""What formats share: text, MATLAB, NumPy and pickle files read safely, and damaged ones named."""
