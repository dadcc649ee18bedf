"""An id table numbers git's ids 0, 1, 2 … as they come, in about 30 bytes each: a dict of them would take 180."""

from __future__ import annotations

from array import array

_FEWEST_SLOTS = 1 << 10


class IdTable:
    """Ids of one length, ``id_bytes``, and the number of each."""

    def __init__(self, id_bytes: int) -> None:
        self._id_bytes = id_bytes
        self._ids = bytearray()
        self._count = 0
        self._slots = _empty(_FEWEST_SLOTS)  # one more than the number of the id that hashes there; 0 where none does

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> bytes:
        """The id that has ``number``."""
        return bytes(self._ids[number * self._id_bytes : (number + 1) * self._id_bytes])

    def number(self, object_id: bytes) -> int:
        """The number of an id; one that was not there gets the next."""
        at = self._slot(object_id)
        found = self._slots[at]
        if found:
            return found - 1
        if len(object_id) != self._id_bytes:
            raise ValueError(f"Expected ids of {self._id_bytes} bytes but got {len(object_id)}")
        self._ids += object_id
        self._count += 1
        self._slots[at] = self._count
        if self._count * 3 > len(self._slots) * 2:
            self._grow()
        return self._count - 1

    def forget_numbers(self) -> None:
        """Keep only what :meth:`__getitem__` needs."""
        self._slots = _empty(0)

    def _slot(self, object_id: bytes) -> int:
        """Where an id is, or is to go."""
        slots, ids, width = self._slots, self._ids, self._id_bytes
        mask = len(slots) - 1
        # Python's own hash has a secret in it: a repository may name parents it does not have, as many as it likes and
        # all alike in any part of them that one could go by.
        at = hash(object_id) & mask
        while (number := slots[at]) and ids[(number - 1) * width : number * width] != object_id:
            at = (at + 1) & mask
        return at

    def _grow(self) -> None:
        self._slots = _empty(len(self._slots) * 2)
        for number in range(self._count):
            self._slots[self._slot(self[number])] = number + 1


def _empty(slots: int) -> array[int]:
    return array("I", bytes(4 * slots))
