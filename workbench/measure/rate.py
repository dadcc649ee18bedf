"""A rate: k of n, with the interval that so few observations leave it. Never a bare number.

The interval is Wilson's score interval at 95 %: the shares p for which k of n lies within z = 1.96 standard errors,
``(p' + z²/2n ± z·sqrt(p'(1-p')/n + z²/4n²)) / (1 + z²/n)`` with ``p' = k/n`` (E. B. Wilson, "Probable inference, the law of
succession, and statistical inference", Journal of the American Statistical Association 22, 1927, pages 209-212). It keeps
to [0, 1] and stays honest at k = n, where the textbook's p' ± z·s shrinks to a point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Z_95 = 1.959963984540054
"""Standard errors on either side that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Rate:
    """``k`` of ``n`` observations. Raises ValueError unless ``0 <= k <= n``.

    Prints ``0.95 [0.89, 0.98] (95/100)``, or ``n/a (0 labelled)`` when nothing was observed; a share prints as 1 only when k
    is n.
    """

    k: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.k <= self.n:
            raise ValueError(f"Expected 0 <= k <= n but got k={self.k}, n={self.n}")

    @property
    def value(self) -> float | None:
        """k / n; None when n is 0."""
        return self.k / self.n if self.n else None

    @property
    def low(self) -> float:
        """Lower end of the interval; 0 when n is 0."""
        return self._interval()[0]

    @property
    def high(self) -> float:
        """Upper end of the interval; 1 when n is 0."""
        return self._interval()[1]

    def _interval(self) -> tuple[float, float]:
        if self.n == 0:
            return 0.0, 1.0
        share, z2 = self.k / self.n, Z_95 * Z_95
        middle = share + z2 / (2 * self.n)
        reach = Z_95 * math.sqrt(share * (1 - share) / self.n + z2 / (4 * self.n * self.n))
        whole = 1 + z2 / self.n
        # The ends are exactly 0 and 1 there; rounding would leave them a hair inside.
        low = 0.0 if self.k == 0 else max(0.0, (middle - reach) / whole)
        high = 1.0 if self.k == self.n else min(1.0, (middle + reach) / whole)
        return low, high

    def __add__(self, other: Rate) -> Rate:
        """The rate of both together."""
        return Rate(self.k + other.k, self.n + other.n)

    def __str__(self) -> str:
        if self.n == 0:
            return "n/a (0 labelled)"
        digits = _digits(self.n)
        share, low, high = (f"{x:.{digits}f}" for x in (self.k / self.n, self.low, self.high))
        return f"{share} [{low}, {high}] ({self.k}/{self.n})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


def _digits(n: int) -> int:
    """Decimals that tell n - 1 of n from a whole 1: 2 for up to a hundred, one more for every further factor of ten."""
    return max(2, len(str(n - 1)))
