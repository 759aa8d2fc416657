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

/** The parameters are C's. */
type SystemCall = (...given: (number | string | Uint8Array)[]) => number;

/** libc, as far as VFIO needs it. Every fd is close-on-exec, so that no child process keeps a card. */
export interface Libc {
  open(path: string, flags: number): number;
  close(fd: number): number;
  isOpen(fd: number): boolean;
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
  /** Keeps pages in memory, until they are unmapped. */
  mlock(at: number, size: number): number;
  memfd(name: string, flags: number): number;
  /** Makes the file that long, its pages present: too little memory is an error now, not a SIGBUS later. */
  fallocate(fd: number, size: number): number;
  eventfd(): number;
  /** Makes `fd` what `like` is, at once: no thread sees it closed in between. */
  replace(fd: number, like: number): number;
  /** F_OFD_SETLK on one byte of a file: the lock is the open file's, and ends with it, however its process ends. -EAGAIN: another has it. */
  lock(fd: number, byte: number): number;
  unlock(fd: number, byte: number): number;
  /** F_OFD_GETLK: 1 where another open file has a lock on the byte, else 0. */
  locked(fd: number, byte: number): number;
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
export const O_RDONLY = 0;
export const O_RDWR = 0o2;
export const O_CLOEXEC = 0o2000000;
export const PROT_NONE = 0;
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
const F_GETFD = 1;
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_WRLCK = 1;
const F_UNLCK = 2;

/** The name of an error number: 16 is 'EBUSY'. */
export function errnoName(errno: number): string {
  const known = Object.entries(constants.errno).find(([, number]) => number === errno);
  return known ? known[0] : `errno ${errno}`;
}

const require = createRequire(import.meta.url);
/** Loaded when first needed: a command that touches no device does without. */
const koffi = once(() => require('koffi') as typeof Koffi);
/** This process, and libc with it. */
const itself = once(() => koffi().load(null));

/** A system call by libc's name: returns its result, or -errno. */
export function systemCall(
  name: string,
  result: 'int' | 'long' | 'intptr_t',
  parameters: readonly string[],
): SystemCall {
  const { errno } = koffi();
  const call: SystemCall = itself().func(name, result, [...parameters]);
  // errno holds only until the next system call of this thread: it is read at once.
  return (...given) => {
    const returned = call(...given);
    return returned === -1 ? -errno() : returned;
  };
}

export const libc = once((): Libc => {
  const open = systemCall('open', 'int', ['str', 'int', 'int']);
  const pipe2 = systemCall('pipe2', 'int', ['void *', 'int']);
  const fcntl = systemCall('fcntl', 'int', ['int', 'int', 'int']);
  const fcntlLock = systemCall('fcntl', 'int', ['int', 'int', 'void *']);
  const dup3 = systemCall('dup3', 'int', ['int', 'int', 'int']);
  const memfd = systemCall('memfd_create', 'int', ['str', 'uint']);
  const fallocate = systemCall('fallocate', 'int', ['int', 'int', 'int64_t', 'int64_t']);
  const eventfd = systemCall('eventfd', 'int', ['uint', 'int']);

  /** struct flock. */
  const flock = new DataView(new ArrayBuffer(32));
  const onByte = (fd: number, command: number, type: number, byte: number): number => {
    flock.setInt16(0, type, true);
    flock.setInt16(2, 0, true);
    flock.setBigInt64(8, BigInt(byte), true);
    flock.setBigInt64(16, 1n, true);
    flock.setInt32(24, 0, true);
    return fcntlLock(fd, command, new Uint8Array(flock.buffer));
  };
  return {
    open: (path, flags) => open(path, flags | O_CLOEXEC, 0),
    close: systemCall('close', 'int', ['int']),
    isOpen: (fd) => fcntl(fd, F_GETFD, 0) >= 0,
    dup: (fd) => fcntl(fd, F_DUPFD_CLOEXEC, 0),
    dup2: systemCall('dup2', 'int', ['int', 'int']),
    pipe: (into) => pipe2(into, O_CLOEXEC),
    setFlags: (fd, flags) => fcntl(fd, F_SETFL, flags),
    ioctl: systemCall('ioctl', 'int', ['int', 'ulong', 'void *']),
    pread: systemCall('pread', 'long', ['int', 'void *', 'size_t', 'int64_t']),
    pwrite: systemCall('pwrite', 'long', ['int', 'void *', 'size_t', 'int64_t']),
    read: systemCall('read', 'long', ['int', 'void *', 'size_t']),
    write: systemCall('write', 'long', ['int', 'void *', 'size_t']),
    mmap: systemCall('mmap', 'intptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']),
    munmap: systemCall('munmap', 'int', ['uintptr_t', 'size_t']),
    mlock: systemCall('mlock', 'int', ['uintptr_t', 'size_t']),
    memfd: (name, flags) => memfd(name, flags | MFD_CLOEXEC),
    fallocate: (fd, size) => fallocate(fd, 0, 0, size),
    eventfd: () => eventfd(0, O_CLOEXEC | EFD_NONBLOCK),
    replace: (fd, like) => dup3(like, fd, O_CLOEXEC),
    lock: (fd, byte) => onByte(fd, F_OFD_SETLK, F_WRLCK, byte),
    unlock: (fd, byte) => onByte(fd, F_OFD_SETLK, F_UNLCK, byte),
    locked: (fd, byte) => {
      const result = onByte(fd, F_OFD_GETLK, F_WRLCK, byte);
      return result < 0 ? result : Number(flock.getInt16(0, true) !== F_UNLCK);
    },
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

/** SIGINT is counted by an eventfd, also while JavaScript computes. @returns false without mmio.so, or where the kernel refuses */
export function countSigint(eventfd: number): boolean {
  if ('missing' in loaded()) return false;
  const to = koffi().load(MMIO_FILE).func('interrupts_to', 'int64_t', ['int']);
  return Number(to(eventfd)) === 0;
}

/**
 * Should this process abort, what lies in the pipe `from` then goes to `to`, after the other threads had a moment to pass on what they
 * have read of it. Without mmio.so nothing is done.
 */
export function keepLastWords(from: number, to: number): void {
  if ('missing' in loaded()) return;
  koffi().load(MMIO_FILE).func('last_words', 'int64_t', ['int', 'int'])(from, to);
}

/** Where bytes lie, for a struct that points at them: they must be kept until the kernel has read it. */
export function addressOf(bytes: Uint8Array): number {
  // Asked for, the buffer of a small array leaves V8's heap, where it could move.
  return Number(koffi().address(new Uint8Array(bytes.buffer, bytes.byteOffset)));
}

/** Where `node native/build.mjs` puts it. */
const JS_FILE = fileURLToPath(new URL(`../native/linux-${process.arch}/js.node`, import.meta.url));

/** What reaches into JavaScript: js.node's; without it koffi's, which aborts the process when its thread is ended meanwhile. */
interface Reach {
  poll(fd: number, callback: () => void): Watch;
  view(at: number, size: number): ArrayBuffer;
}

const reach = once((): Reach => {
  try {
    const { Poll, view }: Pick<Reach, 'view'> & { Poll: new (...args: Parameters<Reach['poll']>) => Watch } =
      require(JS_FILE);
    return { poll: (fd, callback) => new Poll(fd, callback), view };
  } catch {
    // Node turns its event loop once more when all JavaScript has ended: no callback then.
    process.once('exit', () => {
      for (const each of watches) each.stop();
    });
    const { node, view } = koffi();
    return { poll: node.poll, view };
  }
});

/** Mapped memory as bytes. Nothing keeps the mapping: it must outlive every view, or be replaced in place. */
export function bytesAt(at: number, size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(reach().view(at, size));
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

/** Those that are not closed: collected, one would call back no more. */
const watches = new Set<Watch>();

/** A watch on an fd, started. @throws Error where the fd is closed: koffi would end the process. */
export function watch(fd: number, callback: () => void): Watch {
  if (!libc().isOpen(fd)) throw new Error(`fd ${fd} is closed, and cannot be watched`);
  const handle = reach().poll(fd, callback);
  const watched: Watch = {
    start: (callback) => handle.start(callback),
    stop: () => handle.stop(),
    ref: () => handle.ref(),
    unref: () => handle.unref(),
    close: () => {
      watches.delete(watched);
      handle.close();
    },
  };
  watches.add(watched);
  return watched;
}

/** `make()`, made when it is first asked for. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
