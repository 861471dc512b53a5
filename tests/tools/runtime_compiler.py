"""Compile GPU code as CuPy does, where there is no GPU: ``python runtime_compiler.py LIBRARY PREFIX OPTION...``

LIBRARY is NVIDIA's NVRTC or AMD's hipRTC, whose functions differ by their prefix, ``nvrtc`` or ``hiprtc``. The source is
read from standard input, and the machine code (or assembly) written to standard output. It runs in a process of its own,
for hipRTC was seen to crash at a GPU that it does not know.
"""

import ctypes
import sys


def main(path, prefix, *options):
    library, program, size = ctypes.CDLL(path), ctypes.c_void_p(), ctypes.c_size_t()

    def call(name, *given):
        return getattr(library, prefix + name)(*given)

    def read(name):
        call(f"{name}Size", program, ctypes.byref(size))
        text = ctypes.create_string_buffer(size.value)
        call(name, program, text)
        return text.raw

    call("CreateProgram", ctypes.byref(program), sys.stdin.buffer.read(), b"joseph.cu", 0, None, None)
    given = (ctypes.c_char_p * len(options))(*map(str.encode, options))
    failed = call("CompileProgram", program, len(options), given)
    sys.stderr.buffer.write(read("GetProgramLog").rstrip(b"\0"))
    if not failed:
        sys.stdout.buffer.write(read("GetPTX" if prefix == "nvrtc" else "GetCode"))
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
