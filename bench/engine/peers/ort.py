"""ONNX Runtime through its C interface, from the library that the wheel ships."""

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_void_p
from pathlib import Path

import numpy as np
import onnxruntime

API = 21
"""A version of the interface whose table has every function used here."""

TABLE = {
    "GetErrorMessage": 2,
    "CreateEnv": 3,
    "CreateSession": 7,
    "CreateSessionFromArray": 8,
    "Run": 9,
    "CreateSessionOptions": 10,
    "SetSessionExecutionMode": 13,
    "SetSessionGraphOptimizationLevel": 23,
    "SetIntraOpNumThreads": 24,
    "SetInterOpNumThreads": 25,
    "CreateTensorAsOrtValue": 48,
    "CreateTensorWithDataAsOrtValue": 49,
    "FillStringTensor": 52,
    "CreateCpuMemoryInfo": 69,
    "GetAllocatorWithDefaultOptions": 78,
    "ReleaseSession": 95,
}
"""Places in the table of functions, which the interface promises never to move."""

FLOAT, INT64, STRING = 1, 7, 8
ELEMENTS = {np.dtype(np.float32): FLOAT, np.dtype(np.int64): INT64}


class _Base(ctypes.Structure):
    _fields_ = [
        ("GetApi", ctypes.CFUNCTYPE(c_void_p, c_uint32)),
        ("GetVersionString", ctypes.CFUNCTYPE(c_char_p)),
    ]


class Runtime:
    """The library with one environment."""

    def __init__(self) -> None:
        """Load the library whose version is the Python package's."""
        path = (
            Path(onnxruntime.__file__).parent
            / "capi"
            / f"libonnxruntime.so.{onnxruntime.__version__}"
        )
        library = ctypes.CDLL(str(path))
        library.OrtGetApiBase.restype = POINTER(_Base)
        base = library.OrtGetApiBase().contents
        self.version = base.GetVersionString().decode()
        self._table = ctypes.cast(base.GetApi(API), POINTER(c_void_p))
        self.env = c_void_p()
        self.call("CreateEnv", c_int(3), b"bench", byref(self.env))
        self.memory = c_void_p()
        self.call("CreateCpuMemoryInfo", c_int(0), c_int(0), byref(self.memory))
        self.allocator = c_void_p()
        self.call("GetAllocatorWithDefaultOptions", byref(self.allocator))

    def address(self, name: str) -> int:
        """Return the address of a function of the table."""
        return self._table[TABLE[name]]

    def call(self, name: str, *arguments: object) -> None:
        """Call a function of the table; a status that is not null becomes an exception."""
        status = ctypes.CFUNCTYPE(c_void_p)(self.address(name))(*arguments)
        if status:
            message = ctypes.CFUNCTYPE(c_char_p, c_void_p)(self.address("GetErrorMessage"))(status)
            raise RuntimeError(f"{name}: {message.decode()}")

    def session(self, model: bytes) -> c_void_p:
        """Create a session on one thread, sequential, with every graph optimisation."""
        options = c_void_p()
        self.call("CreateSessionOptions", byref(options))
        self.call("SetSessionExecutionMode", options, c_int(0))
        self.call("SetSessionGraphOptimizationLevel", options, c_int(99))
        self.call("SetIntraOpNumThreads", options, c_int(1))
        self.call("SetInterOpNumThreads", options, c_int(1))
        session = c_void_p()
        self.call(
            "CreateSessionFromArray", self.env, model, c_size_t(len(model)), options, byref(session)
        )
        return session

    def release(self, session: c_void_p) -> None:
        """Free a session."""
        ctypes.CFUNCTYPE(None, c_void_p)(self.address("ReleaseSession"))(session)

    def tensor(self, array: np.ndarray) -> c_void_p:
        """Make a tensor: text is copied, numbers stay in the array, which must outlive it."""
        shape = (c_int64 * array.ndim)(*array.shape)
        value = c_void_p()
        if array.dtype == object:
            self.call(
                "CreateTensorAsOrtValue",
                self.allocator,
                shape,
                c_size_t(array.ndim),
                c_int(STRING),
                byref(value),
            )
            cells = [str(cell).encode() for cell in array.ravel()]
            self.call(
                "FillStringTensor", value, (c_char_p * len(cells))(*cells), c_size_t(len(cells))
            )
            return value
        if not array.flags.c_contiguous:
            raise ValueError("cannot make a tensor of an array with gaps")
        self.call(
            "CreateTensorWithDataAsOrtValue",
            self.memory,
            c_void_p(array.ctypes.data),
            c_size_t(array.nbytes),
            shape,
            c_size_t(array.ndim),
            c_int(ELEMENTS[array.dtype]),
            byref(value),
        )
        return value
