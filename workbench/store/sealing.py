"""A seal: the form in which a token rests in the store, and the keyed names by which it is known there.

Passwords have so little entropy that a plain hash of one can be guessed. So findings and alerts are named by keyed
hashes, and whoever has the database without the key can neither read a token nor test a guess.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from workbench.errors import StoreError, WrongKey
from workbench.model import Secret
from workbench.store.key import KEY_BYTES

SEAL_VERSION = b"\x01"
NONCE_BYTES = 12  # random: 2^32 seals under one key stay far from a repeated nonce
ID_BYTES = 16


def _derive(key: bytes, purpose: str) -> bytes:
    """An independent key for each purpose, so that a fingerprint says nothing of a seal."""
    return HKDF(SHA256(), length=32, salt=None, info=b"secret-workbench/1/" + purpose.encode()).derive(key)


class Sealer:
    """Seals and unseals tokens, and names findings and alerts, under one 32-byte key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise WrongKey(f"Expected a sealing key of {KEY_BYTES} bytes but got {len(key)}")
        self._cipher = AESGCM(_derive(key, "seal"))
        self._finding_key = _derive(key, "finding")
        self._alert_key = _derive(key, "alert")
        self._check = hmac.new(_derive(key, "check"), b"secret-workbench store", hashlib.sha256).hexdigest()

    def __repr__(self) -> str:
        return "Sealer()"

    @property
    def key_check(self) -> str:
        """64 hex digits that tell whether a key is the store's, without telling anything of the key."""
        return self._check

    def fingerprint(self, secret_type: str, token: bytes) -> str:
        """The finding's id: 32 hex digits of keyed BLAKE2b over secret type, a NUL and the token."""
        text = secret_type.encode() + b"\0" + token
        return hashlib.blake2b(text, key=self._finding_key, digest_size=ID_BYTES).hexdigest()

    def alert_id(self, kind: str, alert_type: str, fingerprints: Sequence[str]) -> str:
        """The alert's id: 32 hex digits of keyed BLAKE2b over kind, type and its parts' fingerprints in rule order."""
        text = "\0".join([kind, alert_type, *fingerprints]).encode()
        return hashlib.blake2b(text, key=self._alert_key, digest_size=ID_BYTES).hexdigest()

    def seal(self, secret: Secret) -> bytes:
        """The token encrypted (AES-256-GCM): a version byte, a nonce, the ciphertext with its tag."""
        nonce = os.urandom(NONCE_BYTES)
        fingerprint = self.fingerprint(secret.secret_type, secret.reveal())
        sealed = self._cipher.encrypt(nonce, secret.reveal(), self._bound_to(secret.secret_type, fingerprint))
        return SEAL_VERSION + nonce + sealed

    def unseal(self, sealed: bytes, secret_type: str, fingerprint: str) -> Secret:
        """The token of that finding. Raises StoreError when the row was damaged, swapped or sealed otherwise."""
        if sealed[:1] != SEAL_VERSION:
            raise StoreError(
                f"The token of finding {fingerprint} ({secret_type}) has a seal of another version: expected "
                f"{SEAL_VERSION.hex()} but got {sealed[:1].hex() or 'nothing'}. Use the workbench that wrote it."
            )
        nonce, text = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            token = self._cipher.decrypt(nonce, text, self._bound_to(secret_type, fingerprint))
        except (InvalidTag, ValueError) as error:
            raise StoreError(
                f"The token of finding {fingerprint} ({secret_type}) cannot be unsealed: its row was damaged or "
                "belongs to another finding. Restore the store, or scan again into a new one."
            ) from error
        return Secret(token, secret_type)

    @staticmethod
    def _bound_to(secret_type: str, fingerprint: str) -> bytes:
        return f"{secret_type}\0{fingerprint}".encode()
