/**
 * Packets between processes of one machine (AF_UNIX, SOCK_SEQPACKET), and file descriptors with them. Nothing is validated; what fails
 * returns -errno. Ref: unix(7), cmsg(3)
 */
import { addressOf, libc, O_CLOEXEC, once, systemCall } from '../native.js';

/** The process at the other end of a socket, as it was when it connected. */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
}

/** Nothing blocks but `connect` and what a timeout is given for. */
export interface Sockets {
  /** Binds and listens; the file must not exist. */
  listen(path: string): number;
  /** Waits up to `patience` milliseconds for each packet, then -EAGAIN. */
  connect(path: string, patience: number): number;
  accept(fd: number): number;
  /** SO_PEERCRED. */
  peer(fd: number): Peer | undefined;
  /** Never raises SIGPIPE. */
  send(fd: number, packet: Uint8Array, fds?: readonly number[]): number;
  /** The packet's size, or -errno; 0: the other end is gone. The fds are the caller's to close. */
  receive(fd: number, into: Uint8Array, wait?: boolean): { readonly size: number; readonly fds: readonly number[] };
}

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_RCVTIMEO = 20;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
/** sockaddr_un's path, with the zero that ends it. */
export const SOCKET_PATH_MAX = 108;
/** As many fds as one packet may carry here. */
const FDS_MAX = 8;

export const sockets = once((): Sockets => {
  const socket = systemCall('socket', 'int', ['int', 'int', 'int']);
  const bind = systemCall('bind', 'int', ['int', 'void *', 'uint']);
  const listen = systemCall('listen', 'int', ['int', 'int']);
  const connect = systemCall('connect', 'int', ['int', 'void *', 'uint']);
  const accept4 = systemCall('accept4', 'int', ['int', 'uintptr_t', 'uintptr_t', 'int']);
  const setsockopt = systemCall('setsockopt', 'int', ['int', 'int', 'int', 'void *', 'uint']);
  const getsockopt = systemCall('getsockopt', 'int', ['int', 'int', 'int', 'void *', 'void *']);
  const sendmsg = systemCall('sendmsg', 'long', ['int', 'void *', 'int']);
  const recvmsg = systemCall('recvmsg', 'long', ['int', 'void *', 'int']);

  // struct msghdr, the struct iovec and the control message that it points to: buffers of their own, which do not move.
  const header = new DataView(new ArrayBuffer(56));
  const iovec = new DataView(new ArrayBuffer(16));
  const control = new DataView(new ArrayBuffer(16 + 4 * FDS_MAX));
  const data = new Uint8Array(new ArrayBuffer(4096));
  const at = (view: DataView | Uint8Array): bigint => BigInt(addressOf(new Uint8Array(view.buffer)));
  iovec.setBigUint64(0, at(data), true);

  const message = (size: number, controlSize: number): Uint8Array => {
    iovec.setBigUint64(8, BigInt(size), true);
    header.setBigUint64(16, at(iovec), true);
    header.setBigUint64(24, 1n, true);
    header.setBigUint64(32, controlSize > 0 ? at(control) : 0n, true);
    header.setBigUint64(40, BigInt(controlSize), true);
    header.setUint32(48, 0, true);
    return new Uint8Array(header.buffer);
  };
  const name = (path: string): Uint8Array => {
    const bytes = new TextEncoder().encode(path);
    const sockaddr = new Uint8Array(2 + SOCKET_PATH_MAX);
    sockaddr[0] = AF_UNIX;
    sockaddr.set(bytes.subarray(0, SOCKET_PATH_MAX - 1), 2);
    return sockaddr;
  };
  /** The fd, after `act` succeeded on it; else closed. */
  const opened = (flags: number, act: (fd: number) => number): number => {
    const fd = socket(AF_UNIX, SOCK_SEQPACKET | O_CLOEXEC | flags, 0);
    if (fd < 0) return fd;
    const result = act(fd);
    if (result < 0) libc().close(fd);
    return result < 0 ? result : fd;
  };

  return {
    listen: (path) =>
      opened(SOCK_NONBLOCK, (fd) => {
        const bound = bind(fd, name(path), 2 + SOCKET_PATH_MAX);
        return bound < 0 ? bound : listen(fd, 16);
      }),
    connect: (path, patience) =>
      opened(0, (fd) => {
        const timeval = BigInt64Array.of(BigInt(Math.floor(patience / 1000)), BigInt((patience % 1000) * 1000));
        const set = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(timeval.buffer), 16);
        return set < 0 ? set : connect(fd, name(path), 2 + SOCKET_PATH_MAX);
      }),
    accept: (fd) => accept4(fd, 0, 0, O_CLOEXEC),
    peer: (fd) => {
      const ucred = new Int32Array(3);
      const size = Int32Array.of(12);
      if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, new Uint8Array(ucred.buffer), new Uint8Array(size.buffer)) !== 0)
        return undefined;
      const [pid = -1, uid = -1] = ucred;
      return { pid, uid };
    },
    send: (fd, packet, fds = []) => {
      data.set(packet);
      control.setBigUint64(0, BigInt(16 + 4 * fds.length), true);
      control.setInt32(8, SOL_SOCKET, true);
      control.setInt32(12, SCM_RIGHTS, true);
      fds.forEach((each, i) => {
        control.setInt32(16 + 4 * i, each, true);
      });
      // Whole words of 8 bytes, as CMSG_SPACE counts.
      const controlSize = fds.length === 0 ? 0 : 16 + 8 * Math.ceil(fds.length / 2);
      return sendmsg(fd, message(packet.length, controlSize), MSG_NOSIGNAL | MSG_DONTWAIT);
    },
    receive: (fd, into, wait = false) => {
      control.setBigUint64(0, 0n, true);
      const whole = message(Math.min(into.length, data.length), control.byteLength);
      const size = recvmsg(fd, whole, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
      if (size < 0) return { size, fds: [] };
      into.set(data.subarray(0, size));
      const length = header.getBigUint64(40, true) === 0n ? 16 : Number(control.getBigUint64(0, true));
      const fds = Array.from({ length: (length - 16) / 4 }, (_, i) => control.getInt32(16 + 4 * i, true));
      return { size, fds };
    },
  };
});
