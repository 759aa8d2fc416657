/**
 * The pipes behind fds 1 and 2: what child processes and native code write there is output of the cell that runs. io reads
 * them, so that it is seen while main computes. What JavaScript prints goes another way (output.ts); the order of both is kept: main
 * sends nothing before io has read what was written until then, and io shows nothing of a pipe before what main had sent.
 */
import { keepLastWords, libc, type Watch, watch } from '../lib/native.js';
import { SHARED, type StreamName } from './threads.js';

const FIONREAD = 0x541b;
/** A pipe holds no more. */
const SIZE = 65_536;
/** How long main waits for io to read, in milliseconds; and each time it looks. */
const PATIENCE = 1000;
const STEP = 5;

export const STREAMS = ['stdout', 'stderr'] as const;
export type PipeEnds = Readonly<Record<StreamName, number>>;

const count = new Int32Array(new ArrayBuffer(4));
const countBytes = new Uint8Array(count.buffer);

/** How many bytes lie in a pipe. */
function lying(fd: number): number {
  return libc().ioctl(fd, FIONREAD, countBytes) < 0 ? 0 : (count[0] ?? 0);
}

/** Puts pipes behind fds 1 and 2. @returns the ends to read, and what fd 2 was */
export function takeOver(): { readonly ends: PipeEnds; readonly log: number } {
  const log = libc().dup(2);
  const ends = { stdout: behind(1), stderr: behind(2) };
  keepLastWords(ends.stderr, log);
  return { ends, log };
}

function behind(fd: number): number {
  const ends = new Int32Array(new ArrayBuffer(8));
  const made = libc().pipe(new Uint8Array(ends.buffer));
  const [reading = -1, writing = -1] = ends;
  if (made < 0 || libc().dup2(writing, fd) < 0) throw new Error(`no pipe for fd ${fd}`);
  libc().close(writing);
  return reading;
}

/** On main: waits until io has read what was written so far. */
export function settle(ends: PipeEnds, shared: Int32Array): void {
  for (const [index, name] of STREAMS.entries()) {
    const word = SHARED.READ + index;
    const left = lying(ends[name]);
    if (left === 0) continue;
    // What io has in hand by now may not be counted yet.
    const wanted = left + SIZE;
    const from = Atomics.load(shared, word);
    const end = Date.now() + PATIENCE;
    // A child may go on writing: not longer than until what was there has been read.
    for (let read = from; read - from < wanted && lying(ends[name]) > 0; read = Atomics.load(shared, word)) {
      if (Atomics.load(shared, SHARED.STOP) !== 0 || Date.now() > end) break;
      Atomics.wait(shared, word, read, STEP);
    }
  }
}

/** A child that is a Node process leaves its stdout, which is ours, in a mode where writes come up short. */
export function blocking(): void {
  for (const fd of [1, 2]) libc().setFlags(fd, 0);
}

/** On io: reads both pipes. */
export class Pipes {
  readonly #shared: Int32Array;
  readonly #take: (until: number) => void;
  readonly #show: (name: StreamName, bytes: Uint8Array) => void;
  readonly #bytes = new Uint8Array(new ArrayBuffer(SIZE));
  #ends: PipeEnds | undefined;
  #watches: Watch[] = [];

  /** @param take takes main's messages until so many have been taken */
  constructor(shared: Int32Array, take: (until: number) => void, show: (name: StreamName, bytes: Uint8Array) => void) {
    this.#shared = shared;
    this.#take = take;
    this.#show = show;
  }

  open(ends: PipeEnds): void {
    this.#ends = ends;
    this.#watches = STREAMS.map((name) => watch(ends[name], () => this.drain()));
  }

  /** Shows what lies in the pipes. */
  drain(): void {
    const ends = this.#ends;
    if (!ends) return;
    for (const [index, name] of STREAMS.entries()) {
      const sent = Atomics.load(this.#shared, SHARED.SENT);
      const size = Math.min(lying(ends[name]), SIZE);
      // Main sent something meanwhile: it has to wait for us now, so the next look is a clear one.
      if (size === 0 || sent !== Atomics.load(this.#shared, SHARED.SENT)) continue;
      this.#take(sent);
      const read = libc().read(ends[name], this.#bytes, size);
      if (read <= 0) continue;
      blocking();
      this.#show(name, this.#bytes.subarray(0, read));
      Atomics.add(this.#shared, SHARED.READ + index, read);
      Atomics.notify(this.#shared, SHARED.READ + index);
    }
  }

  close(): void {
    this.drain();
    for (const each of this.#watches) each.close();
    this.#watches = [];
  }
}
