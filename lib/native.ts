/**
 * The machine below JavaScript: libc's system calls, mmio.so's guarded accesses, memory as bytes, fd readiness. The only
 * file that imports koffi. Nothing is validated here, and addresses are plain numbers (user space ends below 2^53).
 *
 * A system call returns its result, or -errno: `errnoName(-result)` names it.
 */
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import type * as Koffi from 'koffi';
import type { Width } from './backend.js';

/** What a system call takes as memory: bytes, or an address. */
type Memory = Uint8Array | number;

/** libc, as far as VFIO needs it. Every fd is close-on-exec, so that no child process keeps a card. */
export interface Libc {
  open(path: string, flags: number): number;
  close(fd: number): number;
  /** Another fd of the same open file. */
  dup(fd: number): number;
  /** Makes `to` the same open file as `fd`; children inherit it. */
  dup2(fd: number, to: number): number;
  /** Two ints: the end to read from, the end to write to. */
  pipe(into: Uint8Array): number;
  /** The flags of the open file are those, and no others (F_SETFL). */
  setFlags(fd: number, flags: number): number;
  /** `argument` is memory, or a number that the kernel takes by value. */
  ioctl(fd: number, request: number, argument: Memory): number;
  pread(fd: number, into: Memory, size: number, offset: number): number;
  pwrite(fd: number, from: Memory, size: number, offset: number): number;
  read(fd: number, into: Memory, size: number): number;
  write(fd: number, from: Memory, size: number): number;
  /** The address of the mapping. */
  mmap(at: number, size: number, protection: number, flags: number, fd: number, offset: number): number;
  munmap(at: number, size: number): number;
  memfd(name: string, flags: number): number;
  /** Makes the file that long, its pages present: too little memory is an error now, not a SIGBUS later. */
  fallocate(fd: number, size: number): number;
  eventfd(): number;
}

/**
 * Guarded accesses to mapped device memory at an address, each one instruction of exactly its width. A fault of the
 * access (SIGBUS, SIGSEGV) is a result, not a signal.
 */
export interface Mmio {
  /** -1: it faulted. */
  read8(at: number): number;
  read16(at: number): number;
  read32(at: number): number;
  /** undefined: it faulted. */
  read64(at: number): bigint | undefined;
  /** true: it faulted. */
  write8(at: number, value: number): boolean;
  write16(at: number, value: number): boolean;
  write32(at: number, value: number): boolean;
  write64(at: number, value: bigint): boolean;
  /** Accesses of this width at ascending addresses, in one native call. How many were made: if not all, the next faulted. */
  readBlock(at: number, width: Width, into: Uint8Array): number;
  writeBlock(at: number, width: Width, from: Uint8Array): number;
}

export const PAGE = 4096;
export const O_RDWR = 0o2;
const O_CLOEXEC = 0o2000000;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 0x01;
export const MAP_PRIVATE = 0x02;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_NORESERVE = 0x4000;
export const MFD_CLOEXEC = 0x1;
export const MFD_HUGETLB = 0x4;
const EFD_NONBLOCK = 0o4000;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;

/** The name of an error number: 16 is 'EBUSY'. */
export function errnoName(errno: number): string {
  const known = Object.entries(constants.errno).find(([, number]) => number === errno);
  return known ? known[0] : `errno ${errno}`;
}

const require = createRequire(import.meta.url);
/** Loaded when first needed: a command that touches no device does without. */
const koffi = once(() => require('koffi') as typeof Koffi);

export const libc = once((): Libc => {
  const { load, errno } = koffi();
  const c = load(null);
  const open = c.func('open', 'int', ['str', 'int', 'int']);
  const close = c.func('close', 'int', ['int']);
  const dup2 = c.func('dup2', 'int', ['int', 'int']);
  const pipe2 = c.func('pipe2', 'int', ['void *', 'int']);
  const fcntl = c.func('fcntl', 'int', ['int', 'int', 'int']);
  const ioctl = c.func('ioctl', 'int', ['int', 'ulong', 'void *']);
  const pread = c.func('pread', 'long', ['int', 'void *', 'size_t', 'int64_t']);
  const pwrite = c.func('pwrite', 'long', ['int', 'void *', 'size_t', 'int64_t']);
  const read = c.func('read', 'long', ['int', 'void *', 'size_t']);
  const write = c.func('write', 'long', ['int', 'void *', 'size_t']);
  const mmap = c.func('mmap', 'intptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']);
  const munmap = c.func('munmap', 'int', ['uintptr_t', 'size_t']);
  const memfd = c.func('memfd_create', 'int', ['str', 'uint']);
  const fallocate = c.func('fallocate', 'int', ['int', 'int', 'int64_t', 'int64_t']);
  const eventfd = c.func('eventfd', 'int', ['uint', 'int']);

  /** errno holds only until the next system call of this thread: it is read at once. */
  const checked = (result: number): number => (result === -1 ? -errno() : result);
  return {
    open: (path, flags) => checked(open(path, flags | O_CLOEXEC, 0)),
    close: (fd) => checked(close(fd)),
    dup: (fd) => checked(fcntl(fd, F_DUPFD_CLOEXEC, 0)),
    dup2: (fd, to) => checked(dup2(fd, to)),
    pipe: (into) => checked(pipe2(into, O_CLOEXEC)),
    setFlags: (fd, flags) => checked(fcntl(fd, F_SETFL, flags)),
    ioctl: (fd, request, argument) => checked(ioctl(fd, request, argument)),
    pread: (fd, into, size, offset) => checked(pread(fd, into, size, offset)),
    pwrite: (fd, from, size, offset) => checked(pwrite(fd, from, size, offset)),
    read: (fd, into, size) => checked(read(fd, into, size)),
    write: (fd, from, size) => checked(write(fd, from, size)),
    mmap: (at, size, protection, flags, fd, offset) => checked(mmap(at, size, protection, flags, fd, offset)),
    munmap: (at, size) => checked(munmap(at, size)),
    memfd: (name, flags) => checked(memfd(name, flags | MFD_CLOEXEC)),
    fallocate: (fd, size) => checked(fallocate(fd, 0, 0, size)),
    eventfd: () => checked(eventfd(0, O_CLOEXEC | EFD_NONBLOCK)),
  };
});

/** Where `node native/build.mjs` puts it. */
export const MMIO_FILE = fileURLToPath(new URL(`../native/linux-${process.arch}/mmio.so`, import.meta.url));

/** The guarded accesses, or why there are none. */
const loaded = once((): { mmio: Mmio } | { missing: string } => {
  try {
    return { mmio: bind(koffi().load(MMIO_FILE)) };
  } catch (error) {
    return { missing: `${MMIO_FILE}: ${error instanceof Error ? error.message : String(error)}` };
  }
});

/** undefined without mmio.so: then a region is reached through pread and pwrite alone. Loading it takes SIGBUS and SIGSEGV. */
export function mmio(): Mmio | undefined {
  const it = loaded();
  return 'mmio' in it ? it.mmio : undefined;
}

/** Why `mmio()` is undefined, in words. */
export function mmioMissing(): string | undefined {
  const it = loaded();
  return 'missing' in it ? it.missing : undefined;
}

function bind(so: Koffi.LibraryHandle): Mmio {
  const read = (name: string) => so.func(name, 'int64_t', ['uint64_t']);
  const write = (bits: Width) => so.func(`write${bits}`, 'bool', ['uint64_t', `uint${bits}_t`]);
  const block = (verb: string, bits: Width) =>
    so.func(`${verb}${bits}`, 'uint64_t', ['uint64_t', 'void *', 'uint64_t']);
  const blocks = (verb: string) => ({
    8: block(verb, 8),
    16: block(verb, 16),
    32: block(verb, 32),
    64: block(verb, 64),
  });
  const readBlock = blocks('read_block');
  const writeBlock = blocks('write_block');

  const read64 = so.func('read64', 'bool', ['uint64_t', 'uint64_t']);
  // An ArrayBuffer of its own: a small typed array would lie on V8's heap and move.
  const value = new BigUint64Array(new ArrayBuffer(8));
  const valueAt = Number(koffi().address(value));

  return {
    read8: read('read8'),
    read16: read('read16'),
    read32: read('read32'),
    read64: (at) => (read64(at, valueAt) ? undefined : value[0]),
    write8: write(8),
    write16: write(16),
    write32: write(32),
    write64: write(64),
    readBlock: (at, width, into) => readBlock[width](at, into, into.length / (width / 8)),
    writeBlock: (at, width, from) => writeBlock[width](at, from, from.length / (width / 8)),
  };
}

/** Where bytes lie, for a struct that points at them: they must be kept until the kernel has read it. */
export function addressOf(bytes: Uint8Array): number {
  // Asked for, the buffer of a small array leaves V8's heap, where it could move.
  return Number(koffi().address(new Uint8Array(bytes.buffer, bytes.byteOffset)));
}

/** Mapped memory as bytes. Nothing keeps the mapping: it must outlive every view, or be replaced in place. */
export function bytesAt(at: number, size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(koffi().view(at, size));
}

/** Calls back from the event loop while an fd is readable. */
export interface Watch {
  start(callback: () => void): void;
  stop(): void;
  ref(): void;
  unref(): void;
  /** Before the fd is closed, and once: the handle must not be touched afterwards. */
  close(): void;
}

/** A watch on an fd, started. */
export function watch(fd: number, callback: () => void): Watch {
  return koffi().node.poll(fd, callback);
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
