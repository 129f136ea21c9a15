"""One module per dataset format: what it reads, and the options that its signature names."""
