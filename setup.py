"""Builds the native module of ``stream``; everything else stands in ``pyproject.toml``."""

from pathlib import Path

from pybind11.setup_helpers import Pybind11Extension
from setuptools import setup

_NATIVE = Path("stream/native")

setup(
    ext_modules=[
        Pybind11Extension(
            "stream.native._native",
            [str(_NATIVE / "module.cpp")],
            depends=sorted(map(str, _NATIVE.glob("*.hpp"))),
            libraries=["simdjson", "crypto"],
            cxx_std=20,
            extra_compile_args=["-O3", "-ffp-contract=off", "-Wall", "-Wextra"],
        )
    ]
)
