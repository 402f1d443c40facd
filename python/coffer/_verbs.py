# SPDX-License-Identifier: Apache-2.0
"""What the command does, too: seal, open, check, sign, verify, rewrap, inspect."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from coffer import _native, _options
from coffer._errors import error_for
from coffer._options import Keys, Path, Prompt

Paths = 'Path | Iterable[Path] | None'


class Stats(NamedTuple):
    """What was sealed, opened or checked."""

    files: int
    bytes: int
    """Of plaintext."""
    skipped: int
    """Files that an interrupted run had finished before."""
    seconds: float
    model_id: str


class SignStats(NamedTuple):
    """What was signed."""

    files: int
    bytes: int
    seconds: float
    digest: str


class Verdict(NamedTuple):
    """Who signed, which is certain."""

    signer: str
    key_id: str | None
    identity: str | None
    identity_provider: str | None
    files: int
    bytes: int


class Recipient(NamedTuple):
    """A key that can open the model."""

    kind: str
    id: str
    version: str


class Inspection(NamedTuple):
    """A sealed model as it says of itself.  Nothing of it is authentic: anyone can write it."""

    model_id: str
    name: str
    version: str
    generation: int
    bytes: int
    context: dict[str, str]
    recipients: list[Recipient]
    files: dict[str, int]
    """Path and bytes of plaintext."""
    is_folder: bool
    is_partial: bool
    """Its sealing was interrupted."""


def seal(
    model: Path,
    out: Path,
    *,
    kek: Keys = None,
    name: str | None = None,
    version: str | None = None,
    context: Mapping[str, str] | None = None,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    hidden: bool = False,
    follow_symlinks: bool = False,
    record_size: int = 0,
    force: bool = False,
    signer: Mapping[str, Any] | None = None,
    jobs: int = 0,
    prompt: Prompt | None = None,
) -> Stats:
    """Seal a folder or a file for every key of kek; coffer/seal.h has the details.

    kek: as for open_model(); by default what COFFER_KEK says, else keyring:default
    signer: sign, too: the keyword arguments of sign() that say how, as {'private_key': 'sign.key'}
    """
    options = {
        'name': name,
        'version': version,
        'context': tuple(text for pair in (context or {}).items() for text in pair),
        'include': _options.texts(include),
        'exclude': _options.texts(exclude),
        'hidden': hidden,
        'follow_symlinks': follow_symlinks,
        'record_size': record_size,
        'force': force,
    }
    return Stats(
        *_native.seal(
            os.fsencode(model),
            os.fsencode(out),
            _options.keys_to_seal(kek),
            _options.call(jobs, prompt),
            options,
            None if signer is None else _signer(**signer),
        )
    )


def open_to(
    sealed: Path,
    out: Path,
    *,
    kek: Keys = None,
    verify: Path | None = None,
    identity: str | None = None,
    identity_provider: str | None = None,
    certificate_chain: Path | Iterable[Path] | None = None,
    name: str | None = None,
    trust_store: bool = True,
    signature: Path | None = None,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    force: bool = False,
    environment: str | None = None,
    min_generation: int = 0,
    jobs: int = 0,
    prompt: Prompt | None = None,
) -> Stats:
    """Open a sealed model into plain files, as the command does; the keywords are those of open_model()."""
    options = {
        'name': name,
        'ignore_trust_store': not trust_store,
        'signature': _options.path(signature),
        'include': _options.texts(include),
        'exclude': _options.texts(exclude),
        'force': force,
    }
    return Stats(
        *_native.open_to(
            os.fsencode(sealed),
            os.fsencode(out),
            _options.keys_to_open(kek),
            _options.call(jobs, prompt, environment, min_generation),
            _options.trust(verify, identity, identity_provider, certificate_chain),
            options,
        )
    )


def check(
    sealed: Path,
    *,
    kek: Keys = None,
    environment: str | None = None,
    min_generation: int = 0,
    jobs: int = 0,
    prompt: Prompt | None = None,
) -> Stats:
    """Verify every record of a sealed model and write nothing."""
    return Stats(
        *_native.check(
            os.fsencode(sealed), _options.keys_to_open(kek), _options.call(jobs, prompt, environment, min_generation)
        )
    )


def _signer(
    *,
    private_key: Path | None = None,
    passphrase_file: Path | None = None,
    signing_certificate: Path | None = None,
    certificate_chain: Path | Iterable[Path] | None = None,
    pkcs11_uri: str | None = None,
    pkcs11_module: Path | None = None,
    tsa_url: str | None = None,
    token_file: Path | None = None,
    token_env: str | None = None,
    ambient: bool = False,
    trust_config: Path | None = None,
    trusted_root: Path | None = None,
    signing_config: Path | None = None,
) -> dict[str, Any]:
    """How to sign; what was given says by which method."""
    token = pkcs11_uri is not None
    if token or private_key is not None:
        method = ('pkcs11-' if token else '') + ('key' if signing_certificate is None else 'certificate')
    elif ambient or token_file is not None or token_env is not None:
        method = 'sigstore'
    else:
        raise error_for(
            'USAGE', 2, 'sign with what? Give private_key=, pkcs11_uri=, token_file=, token_env= or ambient=True'
        )
    return {
        'method': method,
        **_options.without_none(
            {
                'private_key': _options.path(private_key),
                'passphrase_file': _options.path(passphrase_file),
                'signing_certificate': _options.path(signing_certificate),
                'certificate_chain': _options.paths(certificate_chain),
                'pkcs11_uri': pkcs11_uri,
                'pkcs11_module': _options.path(pkcs11_module),
                'tsa_url': tsa_url,
                'token_file': _options.path(token_file),
                'token_env': token_env,
                'ambient': ambient,
                'trust_config': _options.path(trust_config),
                'trusted_root': _options.path(trusted_root),
                'signing_config': _options.path(signing_config),
            }
        ),
    }


def _signature(model: Path, given: Path | None) -> bytes:
    """Where the signature is: coffer.sig in a sealed folder, model.sig in a plain one, of a file F F.sig."""
    at = os.fsencode(model)
    if given is not None:
        return os.fsencode(given)
    if not os.path.isdir(at):
        return at + b'.sig'
    sealed = os.path.exists(os.path.join(at, b'coffer.json'))
    return os.path.join(at, b'coffer.sig' if sealed else b'model.sig')


def sign(
    model: Path,
    signature: Path | None = None,
    *,
    serialization: str | None = None,
    hash: str | None = None,
    shard_size: int | None = None,
    ignore_paths: Path | Iterable[Path] | None = None,
    allow_symlinks: bool = False,
    force: bool = False,
    jobs: int = 0,
    prompt: Prompt | None = None,
    **signer: Any,
) -> SignStats:
    """Sign a model, plain or sealed, by OpenSSF Model Signing.

    signature: the new file; by default coffer.sig in a sealed folder, model.sig in a plain one, of a file F F.sig
    signer: private_key= (PEM) and passphrase_file=; signing_certificate= and certificate_chain= with it; or
        pkcs11_uri=; or for Sigstore token_file=, token_env= or ambient=True
    """
    options = {
        'serialization': serialization,
        'hash': hash,
        'shard_size': shard_size,
        'ignore_paths': _options.paths(ignore_paths),
        'allow_symlinks': allow_symlinks,
        'force': force,
    }
    return SignStats(
        *_native.sign(
            os.fsencode(model), _signature(model, signature), _options.call(jobs, prompt), _signer(**signer), options
        )
    )


def verify(
    model: Path,
    signature: Path | None = None,
    *,
    public_key: Path | None = None,
    identity: str | None = None,
    identity_provider: str | None = None,
    certificate_chain: Path | Iterable[Path] | None = None,
    tsa_chain: Path | Iterable[Path] | None = None,
    verify_at: int | None = None,
    trusted_root: Path | None = None,
    trust_config: Path | None = None,
    ignore_paths: Path | Iterable[Path] | None = None,
    ignore_unsigned: bool = False,
    allow_symlinks: bool = False,
    jobs: int = 0,
) -> Verdict:
    """Verify a model, plain or sealed, against its signature; whoever is not believed is an exception.

    public_key: a PEM file; or certificate_chain: PEM files; or identity and identity_provider
    verify_at: judge certificates at this time, in seconds since 1970
    """
    trust = _options.trust(
        public_key,
        identity,
        identity_provider,
        certificate_chain,
        tsa_chain=_options.paths(tsa_chain),
        verify_at=verify_at,
        trusted_root=_options.path(trusted_root),
        trust_config=_options.path(trust_config),
    )
    if trust is None:
        raise error_for(
            'USAGE',
            2,
            'whose signature to believe? Give public_key=, certificate_chain=, or identity= and identity_provider=',
        )
    options = {
        'ignore_paths': _options.paths(ignore_paths),
        'ignore_unsigned': ignore_unsigned,
        'allow_symlinks': allow_symlinks,
    }
    return Verdict(
        *_native.verify(os.fsencode(model), _signature(model, signature), _options.call(jobs), trust, options)
    )


def rewrap(
    sealed: Path,
    *,
    kek: Keys = None,
    add: Keys = None,
    remove: Keys = None,
    remove_ids: Iterable[str] = (),
    replace: bool = False,
    renew: bool = False,
    environment: str | None = None,
    min_generation: int = 0,
    prompt: Prompt | None = None,
) -> None:
    """Change who can open a sealed model; its payload is not touched.

    kek: keys to unwrap with
    add, remove: recipients; remove_ids: of keys that are lost; replace: remove every other one
    renew: wrap anew under the newest version of the same keys
    """
    _native.rewrap(
        os.fsencode(sealed),
        _options.keys_to_open(kek),
        _options.call(0, prompt, environment, min_generation),
        {'remove_ids': _options.texts(remove_ids), 'replace': replace, 'renew': renew},
        _options.keys(add),
        _options.keys(remove),
    )


def inspect(sealed: Path) -> Inspection:
    """What can be read of a sealed model without any key."""
    (model_id, name, version, generation, size, context, recipients, files, is_folder, is_partial) = _native.inspect(
        os.fsencode(sealed), {}
    )
    return Inspection(
        model_id,
        name,
        version,
        generation,
        size,
        dict(context),
        [Recipient(*r) for r in recipients],
        dict(files),
        is_folder,
        is_partial,
    )
