"""The kernels of chapter 3 by their formulas, in plain Python: what the library is compared with.

One more kernel gets its line here; the lists follow.
"""

import math

#: K(u) for u >= 0, as the syllabus writes it.
FORMULAS = {
    "gaussian": lambda u: math.exp(-u * u / 2),
    "boxcar": lambda u: 1.0 if u <= 1 else 0.0,
    "constant": lambda u: 1.0,
    "triangular": lambda u: max(0.0, 1 - u),
    "epanechnikov": lambda u: max(0.0, 0.75 * (1 - u * u)),
    "tricube": lambda u: max(0.0, 1 - u**3) ** 3,
    "laplace": lambda u: math.exp(-u),
}
COMPACT = [name for name, K in FORMULAS.items() if K(1.001) == 0]
INFINITE = [name for name in FORMULAS if name not in COMPACT]
