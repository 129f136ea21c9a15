"""Every encoder, and the classifier around it."""
