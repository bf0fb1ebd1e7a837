"""Takes the place of SGLang's compiled kernels, which no CPU without AMX can run.

SGLang imports names from this package and, on such a CPU, calls none of them: it takes the ways that torch has.
Whatever is called all the same says so.
"""


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)

    def missing(*_args, **_kwargs):
        raise NotImplementedError(f"sgl_kernel.{name} has no implementation on this CPU")

    return missing
