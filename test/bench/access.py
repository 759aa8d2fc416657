"""Python's ways to a register, for comparison: a JSON line in ({"way": NAME, "times": N}), nanoseconds an operation out."""
import ctypes, json, mmap, struct, sys, time

floor = ctypes.CDLL(sys.argv[1])
floor.plain_read32.argtypes = [ctypes.c_uint64]
floor.plain_read32.restype = ctypes.c_uint32
floor.plain_write32.argtypes = [ctypes.c_uint64, ctypes.c_uint32]
floor.plain_write32.restype = None
memory = mmap.mmap(-1, 1 << 20)
base = ctypes.addressof(ctypes.c_char.from_buffer(memory))


def ctypes_read(times):
    read = floor.plain_read32
    for _ in range(times):
        read(base + 0x20)


def ctypes_write(times):
    write = floor.plain_write32
    for _ in range(times):
        write(base + 0x20, 0x80)


def struct_read(times):
    unpack = struct.Struct('<I').unpack_from
    for _ in range(times):
        unpack(memory, 0x20)[0]


def struct_write(times):
    pack = struct.Struct('<I').pack_into
    for _ in range(times):
        pack(memory, 0x20, 0x80)


for line in sys.stdin:
    request = json.loads(line)
    start = time.perf_counter_ns()
    globals()[request['way']](request['times'])
    print((time.perf_counter_ns() - start) / request['times'], flush=True)
