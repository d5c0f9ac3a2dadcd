"""What goes to Azure, in the order of its promises: protections, secrets, the disk, tokens, budgets."""
