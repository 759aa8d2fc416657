/**
 * How processes hand each other what a card is reached by, after DPDK's multi-process VFIO: one request a connection, answered with OK
 * and a file descriptor, NO_FD or ERR, whereupon the socket closes. A connection that asks to STAY is kept: its end
 * tells each side that the other is gone, and over it the server tells when the card is.
 *
 * Words of 32 bits, little-endian. Ref: DPDK lib/eal/linux/eal_vfio.h (SOCKET_REQ_*, SOCKET_OK, …); those from 0x1000 on are ours.
 */
import { constants } from 'node:os';
import { sockets } from './sockets.js';

export const REQUEST = {
  /** The container's fd. */
  CONTAINER: 0x100,
  /** The fd of the group whose number follows. */
  GROUP: 0x200,
  /** The iommufd and a device's fd, where the card is reached so; follow bus, device and function. The id of the IOAS comes with them. */
  IOAS: 0x1000,
  /** By which way the card is reached: a WAY comes with OK. */
  WAY: 0x1001,
  STAY: 0x1002,
} as const;

export const REPLY = {
  OK: 0x0,
  /** A group that there is, but that is not open here. */
  NO_FD: 0x1,
  /** No such group; a request that nobody understands. */
  ERR: 0xff,
  /** Over a connection that stays: which blow, and when (two words). */
  BLOW: 0x2000,
} as const;

export const WAY = { group: 1, iommufd: 2 } as const;
export type Way = keyof typeof WAY;

/** What came: its words, and the fds that came with it. */
export interface Packet {
  readonly words: readonly number[];
  readonly fds: readonly number[];
}

/** Longer ones are not ours. */
const PACKET_MAX = 64;
const { EAGAIN } = constants.errno;

export function send(socket: number, words: readonly number[], fds: readonly number[] = []): boolean {
  return sockets().send(socket, new Uint8Array(Uint32Array.from(words).buffer), fds) >= 0;
}

/** The next packet; 'none' where there is none yet, 'gone' where the other end is. */
export function receive(socket: number, wait = false): Packet | 'none' | 'gone' {
  const bytes = new Uint8Array(new ArrayBuffer(PACKET_MAX));
  const { size, fds } = sockets().receive(socket, bytes, wait);
  if (size === -EAGAIN) return 'none';
  if (size <= 0) return 'gone';
  return { words: [...new Uint32Array(bytes.buffer, 0, Math.floor(size / 4))], fds };
}

/** Bus, device and function as one number: '0000:03:00.1' is 0x301. */
export function slotNumber(bdf: string): number {
  const [, bus = '0', device = '0', fn = '0'] = /([0-9a-f]+):([0-9a-f]+)\.([0-7])$/.exec(bdf) ?? [];
  return (Number.parseInt(bus, 16) << 8) | (Number.parseInt(device, 16) << 3) | Number(fn);
}
