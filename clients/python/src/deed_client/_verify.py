"""Verification of bundles by the project's own verifier, as a WebAssembly module."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

# What a reader may conclude. Only `verified` means that everything was checked. An agent's copy has no evidence, so
# `signatures_only` is the best verdict for it: the outcome then rests on the statement of the host.
Verdict = Literal["verified", "signatures_only", "failed", "unverifiable"]

# A bundle has at most 64 MiB. One byte more is read, so that the verifier refuses a larger bundle.
_READ_MAX = (64 << 20) + 1
# The inputs of the module.
_BUNDLE, _TRUST = 0, 1
_ADDRESS = 0xFFFF_FFFF


class VerifierError(Exception):
    """The bundle was not checked, so there is no verdict."""


@dataclass(frozen=True)
class Verification:
    verdict: Verdict
    # The exit code of `deed verify`: 0 verified, 1 failed, 2 unverifiable, 3 signatures only.
    exit_code: int
    # The report of `deed verify --json`.
    report: dict[str, Any]


class Verifier:
    """The module `deed-verify.wasm`, as a path or as bytes. It needs the package `wasmtime`.

    Raises:
        ImportError: The package `wasmtime` is missing.
    """

    def __init__(self, module: str | os.PathLike[str] | bytes) -> None:
        try:
            import wasmtime
        except ImportError as missing:
            raise ImportError(
                "Verifier needs the package `wasmtime`; install `deed-client[verify]`"
            ) from missing
        wasm = module if isinstance(module, bytes) else Path(module).read_bytes()
        self._engine = wasmtime.Engine()
        self._module = wasmtime.Module(self._engine, wasm)

    def verify(self, bundle: bytes, trust: Mapping[str, str]) -> Verification:
        """Checks a bundle against the files of a trust directory, by their names.

        The trust directory must not come from where the bundle comes from. Each call has an instance of its own.

        Raises:
            VerifierError: The trust directory cannot be read, or the module fails.
        """
        from wasmtime import Instance, Store, Trap, WasmtimeError

        store = Store(self._engine)
        try:
            exports: Any = Instance(store, self._module, []).exports(store)
            _put(store, exports, _BUNDLE, bundle[:_READ_MAX])
            _put(store, exports, _TRUST, json.dumps(dict(trust)).encode())
            code = exports["deed_verify"](store)
            start = exports["deed_output"](store) & _ADDRESS
            end = start + (exports["deed_output_len"](store) & _ADDRESS)
            output = bytes(exports["memory"].read(store, start, end)).decode()
        except (Trap, WasmtimeError) as error:
            raise VerifierError(f"the verifier failed: {error}") from error
        if code not in (0, 1, 2, 3):
            raise VerifierError(output)
        report = json.loads(output)
        return Verification(report["verdict"], code, report)


def _put(store: Any, exports: Any, kind: int, content: bytes) -> None:
    # Addresses have 32 bits, and the package reads them as signed.
    address = exports["deed_input"](store, kind, len(content)) & _ADDRESS
    if address == 0:
        raise VerifierError("the files of the trust directory are larger than 16 MiB")
    exports["memory"].write(store, content, address)
