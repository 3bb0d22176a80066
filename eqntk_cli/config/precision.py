"""The precision of all arrays, set once by the command that runs them."""


def set_precision(precision: str) -> None:
    """Let jax compute in `float32` or `float64`; before the first array is made."""
    import jax  # takes seconds, and most of what reads settings does not need it

    jax.config.update("jax_enable_x64", precision == "float64")
