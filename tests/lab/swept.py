"""What the tests of the window slider move over: pairs whose parts stand near, and some that stand far apart."""

from __future__ import annotations

NEAR, FAR = 30, 3


def files() -> dict[str, str]:
    """Near pairs 1 to 3 lines apart, far ones 300 lines and with a stranger's half between."""
    made = {}
    for n in range(NEAR):
        gap = "# note\n" * (n % 3)
        made[f"config/app{n}.env"] = f"ID={{acme_id:n{n}}}\n{gap}SECRET='{{acme_secret:n{n}}}'\n"
    for n in range(FAR):
        filler = "value: 1\n" * 150
        made[f"dump/all{n}.txt"] = (f"ID={{acme_id:f{n}}}\n{filler}hash: {{acme_hash:f{n}}} acmehash\n{filler}"
                                    f"SECRET='{{acme_secret:f{n}}}'\n")
    return made
