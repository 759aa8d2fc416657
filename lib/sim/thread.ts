/** The thread that is a simulated card: takes requests from its mailbox, and does what is due by the clock meanwhile. */
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { workerData } from 'node:worker_threads';
import type { Width } from '../backend.js';
import { Card } from './card.js';
import type { IrqSet } from './interrupts.js';
import { ACCESS, ACTIONS, DATA, Mailbox, OP, type Op } from './mailbox.js';
import { type Reason, Refusal } from './refusal.js';

const now = (): number => performance.now();
const mailbox = new Mailbox(workerData as SharedArrayBuffer);
const { numbers, wide, bytes } = mailbox;
const card = new Card(now);

/** Request by request: what of the mailbox is what. The backend at the other end (backends/sim.ts) writes it so. */
const serve: Record<Op, () => void> = {
  [OP.read]() {
    const [region = 0, offset = 0, width = 0] = numbers;
    const value = card.read(region, offset, width as Width);
    if (typeof value === 'bigint') wide[0] = value;
    else numbers[0] = value;
  },
  [OP.write]() {
    const [region = 0, offset = 0, width = 0, value = 0] = numbers;
    card.write(region, offset, width as Width, width === 64 ? (wide[0] ?? 0n) : value);
  },
  [OP.readBlock]() {
    const [region = 0, offset = 0, width = 0, size = 0] = numbers;
    eachAccess(width as Width, size, (at, cell) => cell.write(card.read(region, offset + at, width as Width)));
  },
  [OP.writeBlock]() {
    const [region = 0, offset = 0, width = 0, size = 0] = numbers;
    eachAccess(width as Width, size, (at, cell) => card.write(region, offset + at, width as Width, cell.read()));
  },
  [OP.dmaMap]() {
    const [iova = 0n, size = 0n, pointer = 0n] = wide;
    const [access = 0] = numbers;
    card.dmaMap(iova, size, pointer, { read: (access & ACCESS.read) !== 0, write: (access & ACCESS.write) !== 0 });
  },
  [OP.dmaUnmap]() {
    const [iova = 0n, size = 0n] = wide;
    wide[0] = card.dmaUnmap(iova, size);
  },
  [OP.setIrqs]() {
    const [index = 0, action = 0, start = 0, kind = 0, count = 0] = numbers;
    card.setIrqs(index, ACTIONS[action] ?? 'trigger', start, irqSet(kind, count));
  },
  [OP.reset]: () => card.reset(),
  [OP.close]: () => card.close(),
};

/** Walks a block access by access, little-endian. */
function eachAccess(
  width: Width,
  size: number,
  visit: (at: number, cell: { read(): number | bigint; write(value: number | bigint): void }) => void,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const cell = {
    read: () =>
      width === 64
        ? view.getBigUint64(at, true)
        : width === 32
          ? view.getUint32(at, true)
          : width === 16
            ? view.getUint16(at, true)
            : view.getUint8(at),
    write: (value: number | bigint) => {
      if (width === 64) view.setBigUint64(at, BigInt(value), true);
      else if (width === 32) view.setUint32(at, Number(value), true);
      else if (width === 16) view.setUint16(at, Number(value), true);
      else view.setUint8(at, Number(value));
    },
  };
  for (; at < size; at += width / 8) visit(at, cell);
}

function irqSet(kind: number, count: number): IrqSet {
  if (kind === DATA.none) return { kind: 'none', count };
  const values = new Int32Array(bytes.buffer, bytes.byteOffset, count);
  return kind === DATA.bools
    ? { kind: 'bools', values: [...values].map(Boolean) }
    : { kind: 'eventfds', values: [...values] };
}

/** This thread's number, by which the other end sees whether it lives. */
mailbox.begin(Number(basename(readlinkSync('/proc/thread-self'))));
let lastWords = 'it was closed';
try {
  for (let open = true; open; ) {
    const op = mailbox.request(Math.max(0, card.due - now()));
    card.run(now());
    if (op === undefined) continue;
    let refused: Reason | undefined;
    try {
      serve[op]();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refused = error.why;
    }
    open = op !== OP.close;
    mailbox.reply(refused);
  }
} catch (error) {
  lastWords = error instanceof Error ? (error.stack ?? error.message) : String(error);
} finally {
  mailbox.end(lastWords);
}
