/**
 * A dump as a device: what `lspci -x`, `-xxx` or `-xxxx` wrote, one function of it. Config space is there to be read; for everything else
 * there is no card.
 */
import { readFileSync, statSync } from 'node:fs';
import { type Backend, REGION, type RegionInfo, type Width } from '../backend.js';
import { type DumpedFunction, parseDump } from '../config/dump.js';
import { slotFilter } from '../config/filter.js';
import { SystemError, UsageError } from '../errors.js';
import { closed, notAtOnce } from './access.js';

const HEADER_SIZE = 64;
/** Slots that an error names; a dump may have many. */
const NAMED = 8;

/**
 * Opens 'FILE' or 'FILE#SLOT'. A file with several functions needs the SLOT of one, written as for lspci's -s.
 *
 * @throws SystemError where the file cannot be read; UsageError where it is no dump, or SLOT does not say which function is meant.
 * @example openDump('card.txt#03:00.0')
 */
export function openDump(rest: string): Backend {
  const [file, slot] = parts(rest);
  const path = `dump:${file}`;
  const all = parseDump(readText(file), path);
  const found = slot === undefined ? all : all.filter((one) => slotFilter(slot, path)(one.slot));
  const [one] = found;
  if (one === undefined || found.length > 1) {
    const names = (one === undefined ? all : found).map((each) => each.slot);
    const listed = `${names.slice(0, NAMED).join(', ')}${names.length > NAMED ? ', …' : ''}`;
    const reason = one === undefined ? `no function ${slot}` : `it has ${names.length} functions`;
    const hint = `name one, such as '${path}#${names[0]}'; there are ${listed}`;
    throw new UsageError({ path, attempted: 'open', reason, hint });
  }
  if (one.bytes.length < HEADER_SIZE) {
    const hint = 'dump it again with lspci -x, -xxx or -xxxx';
    throw new UsageError({ path, attempted: 'open', reason: `${one.slot}: the header has 64 bytes`, hint });
  }
  return new DumpBackend(path, one);
}

/** A file whose own name has a # in it is meant where it exists. */
function parts(rest: string): readonly [file: string, slot?: string] {
  const at = rest.lastIndexOf('#');
  if (at < 0 || statSync(rest, { throwIfNoEntry: false }) !== undefined) return [rest];
  return [rest.slice(0, at), rest.slice(at + 1)];
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code: errno, message: reason } = error as NodeJS.ErrnoException;
    const hint = 'give a file that lspci -xxxx or vfiolab dump --format lspci wrote';
    throw new SystemError({ path: `dump:${file}`, attempted: 'open', reason, errno, hint, cause: error });
  }
}

class DumpBackend implements Backend {
  readonly spec: string;
  readonly path: string;
  readonly driver = 'dump, read-only';
  readonly regions: readonly RegionInfo[];
  readonly irqs = [];
  readonly iovaRanges = [];
  readonly pageSizes = [];
  readonly canReset = false;
  readonly #slot: string;
  readonly #bytes: Uint8Array;
  #closed = false;

  constructor(path: string, { slot, bytes }: DumpedFunction) {
    this.spec = `${path}#${slot}`;
    this.path = this.spec;
    this.#slot = slot;
    this.#bytes = bytes;
    const access = { readable: true, writable: false, mapped: [], io: false };
    this.regions = [{ index: REGION.CONFIG, name: 'config', size: bytes.length, ...access }];
  }

  read(_region: number, offset: number, width: Width): number | bigint {
    if (this.#closed) throw closed(this, `read${width}`);
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
    if (width === 8) return view.getUint8(offset);
    if (width === 16) return view.getUint16(offset, true);
    if (width === 32) return view.getUint32(offset, true);
    throw notAtOnce(`${this.path}/config+0x${offset.toString(16)}`, 'read64');
  }

  readBlock(_region: number, offset: number, width: Width, into: Uint8Array): void {
    if (this.#closed) throw closed(this, `readBlock${width}`);
    into.set(this.#bytes.subarray(offset, offset + into.length));
  }

  write(_region: number, offset: number, width: Width): void {
    throw this.missing(`write${width}`, `${this.path}/config+0x${offset.toString(16)}`);
  }

  writeBlock(_region: number, offset: number): void {
    throw this.missing('writeBlock', `${this.path}/config+0x${offset.toString(16)}`);
  }

  missing(attempted: string, path: string = this.path): UsageError | SystemError {
    if (this.#closed) return closed(this, attempted);
    const reason = 'a dump is config space to be read, and nothing else';
    return new UsageError({ path, attempted, reason, hint: `open the card itself: open('${this.#slot}')` });
  }

  dmaAlloc(): never {
    throw this.missing('dma');
  }
  dmaAdopt(): never {
    throw this.missing('dma');
  }
  dmaMap(): never {
    throw this.missing('dma');
  }
  dmaUnmap(): never {
    throw this.missing('dma');
  }
  eventfd(): never {
    throw this.missing('eventfd');
  }
  setIrqs(): never {
    throw this.missing('interrupts');
  }
  hotResetMembers(): never {
    throw this.missing('hotResetDevices');
  }
  hotReset(): never {
    throw this.missing('hotReset');
  }
  features(): never {
    throw this.missing('features');
  }
  lowPower(): never {
    throw this.missing('lowPower');
  }
  reset(): never {
    throw this.missing('reset');
  }
  close(): void {
    this.#closed = true;
  }
}
