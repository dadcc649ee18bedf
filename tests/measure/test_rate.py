from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.measure.rate import Rate


@pytest.mark.parametrize(
    ("k", "n", "shown"),
    [
        # The example of the house style, and Newcombe's (1998) check values for the score interval, below
        (95, 100, "0.95 [0.89, 0.98] (95/100)"),
        # Nothing observed is no rate at all, and above all not zero
        (0, 0, "n/a (0 labelled)"),
        # All of a few: the interval says how little that is
        (3, 3, "1.00 [0.44, 1.00] (3/3)"),
        # None of some: the upper end stays away from 0
        (0, 10, "0.00 [0.00, 0.28] (0/10)"),
        # One mistake in many must not be rounded to none
        (249, 250, "0.996 [0.978, 0.999] (249/250)"),
        (9999, 10000, "0.9999 [0.9994, 1.0000] (9999/10000)"),
    ],
)
def test_how_a_rate_prints(k: int, n: int, shown: str) -> None:
    assert str(Rate(k, n)) == shown
    assert f"{Rate(k, n):>60}" == shown.rjust(60)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(k: int, n: int, low: float, high: float) -> None:
    """Values of method 3 in R. G. Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I."""
    assert Rate(k, n).low == pytest.approx(low, abs=5e-5)
    assert Rate(k, n).high == pytest.approx(high, abs=5e-5)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_an_interval_holds_its_share_and_more_observations_narrow_it(k: int, rest: int) -> None:
    rate = Rate(k, k + rest)
    assert 0 <= rate.low <= rate.high <= 1
    if rate.n:
        assert rate.low <= rate.value <= rate.high
        more = Rate(10 * rate.k, 10 * rate.n)
        assert more.high - more.low <= rate.high - rate.low
        assert rate.k == rate.n or not str(rate).startswith("1.")


def test_rates_of_two_samples_add_up() -> None:
    assert Rate(1, 2) + Rate(0, 3) == Rate(1, 5)


@pytest.mark.parametrize(("k", "n"), [(2, 1), (-1, 3), (1, 0)])
def test_more_than_all_is_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="0 <= k <= n"):
        Rate(k, n)
