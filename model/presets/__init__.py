"""Earlier systems by name, and their comparison."""
