"""The architectures: each says how its plain and its group network are put together, in matching layers."""
