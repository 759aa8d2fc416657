/**
 * A recording as a device: what a program does is answered as the card answered it when record.ts wrote it down, in that order. What
 * differs is refused, and the error says what was done then. No card is needed, nor an IOMMU.
 *
 * Interrupts and bytes that came by themselves come again once all that was done before them was done again: not as late as they came then.
 * What the program itself puts into memory is not compared.
 */
import type {
  Backend,
  DmaAccess,
  DmaMemory,
  Eventfd,
  Feature,
  HotResetMember,
  IovaRange,
  IrqAction,
  IrqData,
  IrqInfo,
  RegionInfo,
  Width,
} from '../backend.js';
import { type LabError, UsageError } from '../errors.js';
import { type Blow, Fate } from '../fate.js';
import { closed } from './access.js';
import { KernelEventfd } from './eventfd.js';
import { BorrowedMemory, PageMemory } from './memory.js';
import {
  again,
  CALL,
  type Came,
  type Head,
  bytesHex,
  hex,
  irqDataText,
  isCall,
  type Line,
  place,
  readRecording,
  type Written,
} from './recording.js';

/** Of a call that an error shows. */
const SHOWN = 80;

/** @throws SystemError where the file cannot be read; UsageError where it is no recording. @example openReplay('run.jsonl') */
export function openReplay(file: string): Backend {
  const { head, lines } = readRecording(file);
  return new Replay(`replay:${file}`, head, lines);
}

class Replay implements Backend {
  readonly spec: string;
  readonly path: string;
  readonly driver: string;
  readonly regions: readonly RegionInfo[];
  readonly irqs: readonly IrqInfo[];
  readonly iovaRanges: readonly IovaRange[];
  readonly pageSizes: readonly number[];
  readonly canReset: boolean;
  readonly fate = new Fate();
  readonly #recorded: string;
  readonly #lines: readonly Line[];
  /** How far it has come. */
  #at = 0;
  readonly #mapped = new Map<bigint, Uint8Array>();
  readonly #eventfds: ReplayedEventfd[] = [];
  #onBlow: ((blow: Blow, at: number) => void) | undefined;
  #turn: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(spec: string, head: Head, lines: readonly Line[]) {
    this.spec = spec;
    this.path = spec;
    this.driver = `recording of ${head.spec}`;
    this.regions = head.regions;
    this.irqs = head.irqs;
    this.iovaRanges = head.iovaRanges.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) }));
    this.pageSizes = head.pageSizes;
    this.canReset = head.canReset;
    this.#recorded = head.path;
    this.#lines = lines;
  }

  read(region: number, offset: number, width: Width): number | bigint {
    const answer = this.#call(`read${width}`, CALL.access('read', width, place(this.regions, region, offset)));
    return width === 64 ? BigInt(String(answer)) : Number(answer);
  }

  write(region: number, offset: number, width: Width, value: number | bigint): void {
    this.#call(`write${width}`, CALL.access('write', width, place(this.regions, region, offset), hex(value)));
  }

  readBlock(region: number, offset: number, width: Width, into: Uint8Array): void {
    const call = CALL.access('readBlock', width, place(this.regions, region, offset), hex(into.length));
    into.set(Buffer.from(String(this.#call(`readBlock${width}`, call)), 'hex'));
  }

  writeBlock(region: number, offset: number, width: Width, from: Uint8Array): void {
    const call = CALL.access('writeBlock', width, place(this.regions, region, offset), bytesHex(from));
    this.#call(`writeBlock${width}`, call);
  }

  /** Of whatever pages this machine has; nothing but this process looks at it. */
  dmaAlloc(size: number, pageSize: number): DmaMemory {
    this.#call('dmaAlloc', CALL.dmaAlloc(size, pageSize));
    const memory = new PageMemory(Math.ceil(size / pageSize) * pageSize, undefined, this.path);
    return { bytes: memory.bytes, size: memory.size, pageSize, release: () => memory.release() };
  }

  dmaAdopt(bytes: Uint8Array): DmaMemory {
    this.#call('dmaAdopt', CALL.dmaAdopt(bytes.length));
    return new BorrowedMemory(bytes, this.path);
  }

  dmaMap(memory: DmaMemory, iova: bigint, access: DmaAccess): void {
    const before = this.#mapped.get(iova);
    this.#mapped.set(iova, memory.bytes);
    try {
      this.#call('dmaMap', CALL.dmaMap(iova, memory.size, access.read, access.write));
    } catch (error) {
      if (before === undefined) this.#mapped.delete(iova);
      else this.#mapped.set(iova, before);
      throw error;
    }
  }

  dmaUnmap(iova: bigint, size: number): void {
    this.#call('dmaUnmap', CALL.dmaUnmap(iova, size));
    for (const at of this.#mapped.keys()) if (iova <= at && at < iova + BigInt(size)) this.#mapped.delete(at);
  }

  eventfd(): Eventfd {
    if (this.#closed) throw closed(this, 'eventfd');
    const made = new ReplayedEventfd(
      () => this.#deliverTo(made),
      () => this.#onTurn(),
    );
    this.#eventfds.push(made);
    return made;
  }

  setIrqs(index: number, action: IrqAction, start: number, data: IrqData): void {
    const text = irqDataText(data, (each) => this.#eventfds.indexOf(each as ReplayedEventfd));
    this.#call('setIrqs', CALL.setIrqs(index, action, start, text));
  }

  watch(onBlow: (blow: Blow, at: number) => void): void {
    this.#onBlow = onBlow;
    this.#onTurn();
  }

  reset(): void {
    this.#call('reset', 'reset');
  }

  hotResetMembers(): readonly HotResetMember[] {
    return this.#call('hotResetDevices', 'hotResetMembers') as readonly HotResetMember[];
  }

  hotReset(): void {
    this.#call('hotReset', 'hotReset');
  }

  features(): readonly Feature[] {
    return this.#call('features', 'features') as readonly Feature[];
  }

  lowPower(on: boolean): void {
    this.#call('lowPower', CALL.lowPower(on));
  }

  close(): void {
    this.#closed = true;
    clearImmediate(this.#turn);
    this.#mapped.clear();
  }

  /** What came of this call when it was recorded. */
  #call(attempted: string, call: string): unknown {
    if (this.#closed) throw closed(this, attempted);
    while (this.#came() !== undefined) this.#deliver();
    // What came took the card away.
    if (this.#closed) throw closed(this, attempted);
    const line = this.#lines[this.#at];
    if (!isCall(line) || line.call !== call) throw this.#differs(attempted, call, line);
    this.#at += 1;
    this.#written(line.memory);
    this.#onTurn();
    if (line.error) throw again(line.error, this.#recorded, this.path);
    return line.answer;
  }

  /** What comes next by itself. */
  #came(): Came | undefined {
    const line = this.#lines[this.#at];
    return isCall(line) ? undefined : line;
  }

  #deliver(): void {
    const came = this.#came();
    if (came === undefined) return;
    this.#at += 1;
    this.#written(came.memory);
    if (came.eventfd !== undefined) this.#eventfds[came.eventfd]?.come(came.count ?? 1);
    if (came.befell === undefined) return;
    const at = came.at ?? Date.now();
    if (came.befell === 'req') this.fate.lose(at);
    this.#onBlow?.(came.befell, at);
  }

  /** Somebody looks whether it fired: up to the firing that comes next, if it is that one's. */
  #deliverTo(eventfd: ReplayedEventfd): void {
    for (let at = this.#at; at < this.#lines.length; at++) {
      const line = this.#lines[at];
      if (line === undefined || isCall(line) || line.befell !== undefined) return;
      if (line.eventfd === undefined) continue;
      if (this.#eventfds[line.eventfd] !== eventfd) return;
      while (this.#at <= at) this.#deliver();
      return;
    }
  }

  /** The event loop's next turn brings what comes by itself; each firing once the one before it was taken. */
  #onTurn(): void {
    if (this.#turn !== undefined || this.#closed || this.#came() === undefined) return;
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      if (this.#closed || this.#eventfds.some(({ waits }) => waits)) return;
      this.#deliver();
      this.#onTurn();
    });
  }

  #written(memory: readonly Written[] = []): void {
    for (const { iova, bytes } of memory) {
      const first = BigInt(iova);
      for (const [at, mapped] of this.#mapped)
        if (at <= first && first < at + BigInt(mapped.length))
          mapped.set(Buffer.from(bytes, 'hex'), Number(first - at));
    }
  }

  #differs(attempted: string, call: string, line: Line | undefined): LabError {
    const short = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
    const then = isCall(line) ? `the recording has '${short(line.call)}' here` : 'the recording ends here';
    return new UsageError({
      path: this.path,
      attempted,
      // The first line is the head.
      reason: `'${short(call)}' was not done then: ${then} (line ${this.#at + 2})`,
      hint: 'do as was recorded, in the same order; or record it anew',
    });
  }
}

class ReplayedEventfd extends KernelEventfd {
  /** It fired, and nobody took it yet. */
  waits = false;
  readonly #onLook: () => void;
  readonly #onTaken: () => void;

  constructor(onLook: () => void, onTaken: () => void) {
    super();
    this.#onLook = onLook;
    this.#onTaken = onTaken;
  }

  come(count: number): void {
    this.waits = true;
    this.signal(count);
  }

  override drain(): number {
    if (!this.waits) this.#onLook();
    const count = super.drain();
    if (count > 0) {
      this.waits = false;
      this.#onTaken();
    }
    return count;
  }

  override close(): void {
    super.close();
    this.waits = false;
    this.#onTaken();
  }
}
