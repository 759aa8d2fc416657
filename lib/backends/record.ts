/**
 * A card whose every access, interrupt and DMA is written down while it is used, to be replayed without it.
 *
 * What the card may write is looked through before and after each call, and when an interrupt is taken; what changed is written down then. So
 * a loop that waits for memory to change is replayed where it awaits something or touches the card, not where it only looks.
 */
import type {
  Backend,
  DmaAccess,
  DmaMemory,
  Eventfd,
  Feature,
  Holder,
  HotResetMember,
  IovaRange,
  IrqAction,
  IrqData,
  IrqInfo,
  RegionInfo,
  Width,
} from '../backend.js';
import { LabError, UsageError } from '../errors.js';
import type { Blow, Fate } from '../fate.js';
import { bytesHex, CALL, type Call, hex, irqDataText, place, thrown, Writer, type Written } from './recording.js';

const CHUNK = 4096;
/** Runs of changed bytes that are not further apart are one. */
const GAP = 16;

/** @throws UsageError for what cannot be recorded; SystemError where the file cannot be written. The card is closed then. */
export function record(file: string, card: Backend): Backend {
  try {
    if (card.dmaPlace !== undefined || card.missing !== undefined) {
      const reason = card.missing
        ? 'a dump is a recording already'
        : 'without an IOMMU the IOVAs are physical addresses of this machine, which no other run has';
      const hint = "record a card behind an IOMMU, or 'sim:edu'";
      throw new UsageError({ path: `record:${file}`, attempted: 'open', reason, hint });
    }
    return new Recorder(file, card);
  } catch (error) {
    card.close();
    throw error;
  }
}

class Recorder implements Backend {
  readonly spec: string;
  readonly path: string;
  readonly driver: string;
  readonly regions: readonly RegionInfo[];
  readonly irqs: readonly IrqInfo[];
  readonly pageSizes: readonly number[];
  readonly canReset: boolean;
  readonly #card: Backend;
  readonly #writer: Writer;
  readonly #eventfds: RecordedEventfd[] = [];
  /** What the card may write, and what was in it when it was last looked at. */
  readonly #mapped = new Map<bigint, { readonly bytes: Uint8Array; readonly known: Uint8Array }>();

  constructor(file: string, card: Backend) {
    const { spec, path, driver, canReset, regions, irqs, iovaRanges, pageSizes } = card;
    this.#card = card;
    this.spec = `record:${file}#${spec}`;
    this.path = path;
    this.driver = `${driver}, recorded`;
    this.regions = regions;
    this.irqs = irqs;
    this.pageSizes = pageSizes;
    this.canReset = canReset;
    const ranges = iovaRanges.map(({ first, last }) => ({ first: hex(first), last: hex(last) }));
    const facts = { spec, path, driver, canReset, regions, irqs, iovaRanges: ranges, pageSizes };
    this.#writer = new Writer(file, { recording: 1, ...facts });
  }

  get iovaRanges(): readonly IovaRange[] {
    return this.#card.iovaRanges;
  }

  get fate(): Fate | undefined {
    return this.#card.fate;
  }

  get others(): readonly Holder[] {
    return this.#card.others ?? [];
  }

  get irqHolder(): Holder | undefined {
    return this.#card.irqHolder;
  }

  read(region: number, offset: number, width: Width): number | bigint {
    const call = CALL.access('read', width, place(this.regions, region, offset));
    return this.#do(call, () => this.#card.read(region, offset, width), hex);
  }

  write(region: number, offset: number, width: Width, value: number | bigint): void {
    const call = CALL.access('write', width, place(this.regions, region, offset), hex(value));
    this.#do(call, () => this.#card.write(region, offset, width, value));
  }

  readBlock(region: number, offset: number, width: Width, into: Uint8Array): void {
    const call = CALL.access('readBlock', width, place(this.regions, region, offset), hex(into.length));
    this.#do(
      call,
      () => this.#card.readBlock(region, offset, width, into),
      () => bytesHex(into),
    );
  }

  writeBlock(region: number, offset: number, width: Width, from: Uint8Array): void {
    const call = CALL.access('writeBlock', width, place(this.regions, region, offset), bytesHex(from));
    this.#do(call, () => this.#card.writeBlock(region, offset, width, from));
  }

  dmaAlloc(size: number, pageSize: number): DmaMemory {
    return this.#do(CALL.dmaAlloc(size, pageSize), () => this.#card.dmaAlloc(size, pageSize));
  }

  dmaAdopt(bytes: Uint8Array): DmaMemory {
    return this.#do(CALL.dmaAdopt(bytes.length), () => this.#card.dmaAdopt(bytes));
  }

  dmaMap(memory: DmaMemory, iova: bigint, access: DmaAccess): void {
    this.#do(CALL.dmaMap(iova, memory.size, access.read, access.write), () => {
      const known = memory.bytes.slice();
      this.#card.dmaMap(memory, iova, access);
      if (access.write) this.#mapped.set(iova, { bytes: memory.bytes, known });
    });
  }

  dmaUnmap(iova: bigint, size: number): void {
    this.#do(CALL.dmaUnmap(iova, size), () => this.#card.dmaUnmap(iova, size));
    for (const at of this.#mapped.keys()) if (iova <= at && at < iova + BigInt(size)) this.#mapped.delete(at);
  }

  eventfd(): Eventfd {
    const number = this.#eventfds.length;
    const made = new RecordedEventfd(this.#card.eventfd(), (count) => this.#came({ eventfd: number, count }));
    this.#eventfds.push(made);
    return made;
  }

  setIrqs(index: number, action: IrqAction, start: number, data: IrqData): void {
    const text = irqDataText(data, (each) => this.#eventfds.indexOf(each as RecordedEventfd));
    this.#do(CALL.setIrqs(index, action, start, text), () => this.#card.setIrqs(index, action, start, data));
  }

  watch(onBlow: (blow: Blow, at: number) => void): void {
    this.#card.watch?.((blow, at) => {
      this.#came({ befell: blow, at });
      onBlow(blow, at);
    });
  }

  reset(): void {
    this.#do('reset', () => this.#card.reset());
  }

  hotResetMembers(): readonly HotResetMember[] {
    return this.#do(
      'hotResetMembers',
      () => this.#card.hotResetMembers(),
      (members) => members,
    );
  }

  hotReset(): void {
    this.#do('hotReset', () => this.#card.hotReset());
  }

  features(): readonly Feature[] {
    return this.#do(
      'features',
      () => this.#card.features(),
      (features) => features,
    );
  }

  lowPower(on: boolean): void {
    this.#do(CALL.lowPower(on), () => this.#card.lowPower(on));
  }

  close(): void {
    this.#card.close();
    this.#writer.close();
  }

  /** Does it, and writes down what came of it. */
  #do<T>(call: string, act: () => T, answer?: (value: T) => unknown): T {
    this.#came({});
    let line: Call = { call };
    try {
      const value = act();
      if (answer) line = { call, answer: answer(value) };
      return value;
    } catch (error) {
      if (error instanceof LabError) line = { call, error: thrown(error) };
      throw error;
    } finally {
      const memory = this.#changed();
      this.#writer.write(memory.length > 0 ? { ...line, memory } : line);
    }
  }

  #came(what: { eventfd?: number; count?: number; befell?: Blow; at?: number }): void {
    const memory = this.#changed();
    if (memory.length > 0) this.#writer.write({ ...what, memory });
    else if (Object.keys(what).length > 0) this.#writer.write(what);
  }

  /** What changed in memory since it was last looked at. */
  #changed(): Written[] {
    const all: Written[] = [];
    for (const [iova, { bytes, known }] of this.#mapped) {
      for (const [from, to] of differences(known, bytes)) {
        known.set(bytes.subarray(from, to), from);
        // The copy: the card may be at work on the memory itself.
        all.push({ iova: hex(iova + BigInt(from)), bytes: bytesHex(known.subarray(from, to)) });
      }
    }
    return all;
  }
}

/** Where they differ: [from, to). */
function differences(known: Uint8Array, bytes: Uint8Array): [number, number][] {
  const found: [number, number][] = [];
  for (let start = 0; start < bytes.length; start += CHUNK) {
    const end = Math.min(start + CHUNK, bytes.length);
    if (Buffer.compare(known.subarray(start, end), bytes.subarray(start, end)) === 0) continue;
    for (let at = start; at < end; at++) {
      if (known[at] === bytes[at]) continue;
      const last = found.at(-1);
      if (last !== undefined && at - last[1] < GAP) last[1] = at + 1;
      else found.push([at, at + 1]);
    }
  }
  return found;
}

/** An eventfd of the card's: what is taken out of it is written down. */
class RecordedEventfd implements Eventfd {
  readonly fd: number;
  readonly #eventfd: Eventfd;
  readonly #onCount: (count: number) => void;

  constructor(eventfd: Eventfd, onCount: (count: number) => void) {
    this.fd = eventfd.fd;
    this.#eventfd = eventfd;
    this.#onCount = onCount;
  }

  drain(): number {
    const count = this.#eventfd.drain();
    if (count > 0) this.#onCount(count);
    return count;
  }

  signal(count?: number): void {
    this.#eventfd.signal(count);
  }

  onReady(callback: (() => void) | undefined): void {
    this.#eventfd.onReady(callback);
  }

  ref(): void {
    this.#eventfd.ref();
  }

  unref(): void {
    this.#eventfd.unref();
  }

  close(): void {
    this.#eventfd.close();
  }
}
