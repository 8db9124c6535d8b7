"""Who an entry is from: an Ed25519 signature of ``policy.json``, which names the hash of every other file.

``policy.json.ed25519`` is one line: "ed25519", the public key and the signature, both in base64. Whose keys are trusted
is a list that a person keeps, ``$CELLWRIGHT_HOME/trusted_keys``: a public key in base64 and whose it is on each line.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path

from cells.description.documents import shown
from cells.errors import InputError, Problem
from cells.journal.home import home_folder
from policies.contents import DESCRIPTION, SIGNATURE
from policies.entry import ANEW

SIGNED = b"cellwright/policy-signature/v1\n"  # goes before, so that what is signed here is nothing else elsewhere
MAKE_KEY = "make one: openssl genpkey -algorithm ed25519 -out key.pem"


def sign(description: bytes, key: Path) -> bytes:
    """``policy.json.ed25519`` of a ``policy.json``, by the private key in a PEM file. Raises ``InputError`` for a file
    that holds none."""
    _need_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(key.read_bytes(), password=None)
    except OSError as error:
        raise InputError(Problem(str(key), f"can't be read ({error.strerror})", MAKE_KEY)) from None
    except (ValueError, TypeError):  # TypeError: it asks for a password
        raise InputError(Problem(str(key), "holds no private key in PEM without a password", MAKE_KEY)) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise InputError(Problem(str(key), "is no Ed25519 key", MAKE_KEY))
    both = private.public_key().public_bytes_raw(), private.sign(SIGNED + description)
    return f"ed25519 {' '.join(base64.b64encode(raw).decode() for raw in both)}\n".encode()


def signer(files: Mapping[str, bytes]) -> str:
    """The public key (base64) that an entry's files are signed by; "" where they aren't signed. Raises ``InputError``
    for a signature that isn't true."""
    if SIGNATURE not in files:
        return ""
    _need_cryptography()
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        kind, key, signature = files[SIGNATURE].decode("ascii").split()
        if kind != "ed25519":
            raise ValueError(kind)
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
        public.verify(base64.b64decode(signature, validate=True), SIGNED + files[DESCRIPTION])
    except (ValueError, InvalidSignature, binascii.Error):
        raise InputError(Problem(SIGNATURE, f"is no signature of this {DESCRIPTION}", ANEW)) from None
    return base64.b64encode(public.public_bytes_raw()).decode()


def check_trust(files: Mapping[str, bytes], source: str) -> str:
    """Raise ``InputError`` unless files come from somebody trusted, where somebody keeps a list of whom they trust, and
    for a signature that isn't true. Returns in words whom the files are from."""
    key, trusted = signer(files), trusted_keys()
    if trusted is None:
        return f"signed by {key}, and nobody's keys are listed in {_list()}" if key else "not signed"
    if key in trusted:
        return f"signed by {trusted[key]}"
    what = f"is signed by {key}, which is nobody trusted" if key else "isn't signed"
    raise InputError(Problem(source, what, f"ask who made it, and add their key to {_list()}"))


def trusted_keys() -> dict[str, str] | None:
    """Whose each trusted key is; None where there is no list. Raises ``InputError`` for a line that holds no key."""
    try:
        lines = _list().read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Problem(str(_list()), f"can't be read ({error})", "write a key on each line")) from None
    trusted = {}
    for number, line in enumerate(lines, start=1):
        key, _, who = line.partition("#")[0].strip().partition(" ")
        if not key:
            continue
        try:
            if len(base64.b64decode(key, validate=True)) != 32:
                raise ValueError
        except ValueError:
            what = f"{shown(key)} is no Ed25519 public key in base64"
            raise InputError(Problem(f"{_list()}:{number}", what, "write a key and whose it is on each line")) from None
        trusted[key] = who.strip() or key
    return trusted


def _list() -> Path:
    return home_folder() / "trusted_keys"


def _need_cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ModuleNotFoundError:
        what, remedy = "can't be checked or made without the package 'cryptography'", "pip install 'cellwright[zoo]'"
        raise InputError(Problem(SIGNATURE, what, remedy)) from None
