/**
 * Simulated cards behind the seam. The card is a thread of its own (lib/sim/thread.ts) with the clock for its time, real
 * eventfds for its interrupts and this process's memory to DMA into; here are the requests to it, each answered before
 * it returns, and what vfio-pci says of such a card.
 */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import {
  type Backend,
  type DmaAccess,
  type DmaMemory,
  type Eventfd,
  IRQ,
  type IrqAction,
  type IrqData,
  type IrqInfo,
  REGION,
  type RegionInfo,
  type Width,
} from '../backend.js';
import { BusError, ClosedError, type Failure, SystemError, UsageError } from '../errors.js';
import { errnoName, libc } from '../native.js';
import { IOVA_RANGES, PAGE_SIZES } from '../sim/iommu.js';
import { ACCESS, ACTIONS, BLOCK_SIZE, DATA, Mailbox, OP, type Op } from '../sim/mailbox.js';
import { Refusal } from '../sim/refusal.js';
import { KernelEventfd } from './eventfd.js';
import { PageMemory } from './memory.js';

const CARDS = ['edu'];
const MiB = 2 ** 20;

const REGIONS: readonly RegionInfo[] = [
  {
    index: REGION.BAR0,
    name: 'bar0',
    size: MiB,
    readable: true,
    writable: true,
    mapped: [{ offset: 0, size: MiB }],
    io: false,
  },
  { index: REGION.CONFIG, name: 'config', size: 256, readable: true, writable: true, mapped: [], io: false },
];

const IRQS: readonly IrqInfo[] = [
  { index: IRQ.intx, name: 'intx', count: 1, maskable: true, automasked: true, noresize: false },
  { index: IRQ.msi, name: 'msi', count: 1, maskable: false, automasked: false, noresize: false },
  { index: IRQ.req, name: 'req', count: 1, maskable: false, automasked: false, noresize: true },
];

const HINTS: Readonly<Record<string, string>> = {
  VFIO_IOMMU_MAP_DMA: 'IOVA and size are whole pages, inside iovaRanges, and nothing else is mapped there',
  VFIO_IOMMU_UNMAP_DMA: 'unmap exactly what was mapped',
  VFIO_DEVICE_SET_IRQS: 'check that the device has this vector, and that no other kind of interrupt is enabled',
};

/** How long an answer may be out before the thread is looked for, and a start may take, milliseconds. */
const LOOK_MS = 100;
const START_MS = 30_000;

/**
 * Opens a simulated card: 'edu'. Each opening is a card of its own, fresh from power-on.
 *
 * @throws UsageError for a name that no simulated card has.
 * @example openSim('edu')
 */
export function openSim(name: string): Backend {
  if (CARDS.includes(name)) return new SimBackend(name);
  throw new UsageError({
    path: `sim:${name}`,
    attempted: 'open',
    reason: `no simulated card is called '${name}'`,
    hint: `known: ${CARDS.map((card) => `sim:${card}`).join(', ')}`,
  });
}

/** One simulated card. Users come by it through `openSim()`. */
export class SimBackend implements Backend {
  readonly spec: string;
  readonly path: string;
  readonly driver = 'simulator';
  readonly regions = REGIONS;
  readonly irqs = IRQS;
  readonly iovaRanges = IOVA_RANGES;
  readonly pageSizes = PAGE_SIZES;
  readonly canReset = true;
  /** The card. */
  readonly thread: Worker;
  readonly #mailbox = new Mailbox();
  /** What the card reaches by pointer: it must not be collected meanwhile. */
  readonly #mapped = new Map<bigint, DmaMemory>();
  /** Copies of the armed eventfds, as the kernel holds on to them whatever their owner closes: 'index/action'. */
  readonly #armed = new Map<string, number>();
  #started = false;
  #closed = false;
  #death: unknown;

  constructor(name: string) {
    this.spec = `sim:${name}`;
    this.path = this.spec;
    this.#mailbox.expect();
    this.thread = new Worker(new URL('../sim/thread.js', import.meta.url), {
      workerData: this.#mailbox.shared,
      execArgv: [],
      name: this.spec,
    });
    this.thread.on('error', (error) => {
      this.#death = error;
    });
    this.thread.unref();
  }

  read(region: number, offset: number, width: Width): number | bigint {
    const attempted = `read${width}`;
    this.#checkWidth(region, offset, width, attempted);
    const { numbers, wide } = this.#mailbox;
    this.#ready(attempted);
    numbers[0] = region;
    numbers[1] = offset;
    numbers[2] = width;
    this.#access(OP.read, region, offset, attempted);
    return (width === 64 ? wide[0] : numbers[0]) ?? 0;
  }

  write(region: number, offset: number, width: Width, value: number | bigint): void {
    const attempted = `write${width}`;
    this.#checkWidth(region, offset, width, attempted);
    const { numbers, wide } = this.#mailbox;
    this.#ready(attempted);
    numbers[0] = region;
    numbers[1] = offset;
    numbers[2] = width;
    if (typeof value === 'bigint') wide[0] = value;
    else numbers[3] = value;
    this.#access(OP.write, region, offset, attempted);
  }

  readBlock(region: number, offset: number, width: Width, into: Uint8Array): void {
    const { bytes } = this.#mailbox;
    this.#block(OP.readBlock, region, offset, width, into, (part) => part.set(bytes.subarray(0, part.length)));
  }

  writeBlock(region: number, offset: number, width: Width, from: Uint8Array): void {
    this.#block(OP.writeBlock, region, offset, width, from, () => {});
  }

  dmaAlloc(size: number, pageSize: number): DmaMemory {
    return new PageMemory(size, pageSize, this.path);
  }

  dmaMap(memory: DmaMemory, iova: bigint, access: DmaAccess): void {
    const attempted = 'VFIO_IOMMU_MAP_DMA';
    if (!(memory instanceof PageMemory)) {
      throw new UsageError({
        path: this.path,
        attempted,
        reason: 'the memory is not page memory',
        hint: 'allocate it with dmaAlloc',
      });
    }
    const { numbers, wide } = this.#mailbox;
    this.#ready(attempted);
    wide[0] = iova;
    wide[1] = BigInt(memory.size);
    wide[2] = memory.pointer;
    numbers[0] = (access.read ? ACCESS.read : 0) | (access.write ? ACCESS.write : 0);
    this.#system(OP.dmaMap, attempted, `IOVA 0x${iova.toString(16)}, ${memory.size} bytes`);
    this.#mapped.set(iova, memory);
  }

  dmaUnmap(iova: bigint, size: number): void {
    const attempted = 'VFIO_IOMMU_UNMAP_DMA';
    const { wide } = this.#mailbox;
    this.#ready(attempted);
    wide[0] = iova;
    wide[1] = BigInt(size);
    this.#system(OP.dmaUnmap, attempted, `IOVA 0x${iova.toString(16)}, ${size} bytes`);
    for (const start of this.#mapped.keys()) {
      if (iova <= start && start < iova + BigInt(size)) this.#mapped.delete(start);
    }
  }

  eventfd(): Eventfd {
    return new KernelEventfd();
  }

  setIrqs(index: number, action: IrqAction, start: number, data: IrqData): void {
    const attempted = 'VFIO_DEVICE_SET_IRQS';
    const { numbers, bytes } = this.#mailbox;
    this.#ready(attempted);
    const values =
      'none' in data ? [] : 'bools' in data ? data.bools.map(Number) : this.#copies(data.eventfds, attempted);
    new Int32Array(bytes.buffer, bytes.byteOffset).set(values);
    numbers[0] = index;
    numbers[1] = ACTIONS.indexOf(action);
    numbers[2] = start;
    numbers[3] = 'none' in data ? DATA.none : 'bools' in data ? DATA.bools : DATA.eventfds;
    numbers[4] = 'none' in data ? data.none : values.length;
    try {
      this.#system(OP.setIrqs, attempted, `irq ${index}, ${action}`);
    } catch (error) {
      if ('eventfds' in data) for (const fd of values) close(fd);
      throw error;
    }
    const key = `${index}/${action}`;
    if ('eventfds' in data) this.#rearm(key, values[0]);
    else if ('none' in data && data.none === 0 && action === 'trigger') {
      this.#rearm(key, undefined);
      this.#rearm(`${index}/unmask`, undefined);
    }
  }

  reset(): void {
    this.#ready('VFIO_DEVICE_RESET');
    this.#system(OP.reset, 'VFIO_DEVICE_RESET', 'reset');
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A card that never was ready never saw a request: it finds this one when it comes, and goes.
    this.#mailbox.post(OP.close);
    if (this.#started) {
      try {
        this.#mailbox.answer(LOOK_MS, () => this.#checkAlive('close'));
      } catch {
        // it is gone, as it should be
      }
    }
    for (const key of [...this.#armed.keys()]) this.#rearm(key, undefined);
    this.#mapped.clear();
  }

  #block(
    op: Op,
    region: number,
    offset: number,
    width: Width,
    block: Uint8Array,
    received: (part: Uint8Array) => void,
  ): void {
    const attempted = `${op === OP.readBlock ? 'readBlock' : 'writeBlock'}${width}`;
    this.#checkWidth(region, offset, width, attempted);
    const { numbers, bytes } = this.#mailbox;
    for (let done = 0; done < block.length; done += BLOCK_SIZE) {
      const part = block.subarray(done, done + BLOCK_SIZE);
      this.#ready(attempted);
      numbers[0] = region;
      numbers[1] = offset + done;
      numbers[2] = width;
      numbers[3] = part.length;
      if (op === OP.writeBlock) bytes.set(part);
      this.#access(op, region, offset + done, attempted);
      received(part);
    }
  }

  /** A request that makes an access. */
  #access(op: Op, region: number, offset: number, attempted: string): void {
    this.#request(op, attempted, (why) => {
      const name = REGIONS.find((info) => info.index === region)?.name ?? `region${region}`;
      return new BusError({
        path: `${this.path}/${name}+0x${offset.toString(16)}`,
        attempted,
        reason: 'the access faulted on the bus',
        errno: why,
        hint: 'check COMMAND.MEM: memory decoding is off',
      });
    });
  }

  /** A request that is a system call on a real card. */
  #system(op: Op, attempted: string, subject: string): void {
    this.#request(op, attempted, (why) => {
      return new SystemError({
        path: this.path,
        attempted,
        reason: `refused for ${subject}`,
        errno: why,
        hint: HINTS[attempted] ?? 'check the arguments',
      });
    });
  }

  #request(op: Op, attempted: string, refused: (why: string) => Error): void {
    this.#mailbox.post(op);
    let answered: boolean;
    try {
      answered = this.#mailbox.answer(LOOK_MS, () => this.#checkAlive(attempted));
    } catch (error) {
      throw error instanceof Refusal ? refused(error.why) : error;
    }
    if (!answered) throw this.#dead(attempted);
  }

  /** Before a request is written into the mailbox: the card is open, alive, and has started. */
  #ready(attempted: string): void {
    if (this.#closed) {
      throw new ClosedError({
        path: this.path,
        attempted,
        reason: 'the device was closed',
        hint: `open it again: open('${this.spec}')`,
      });
    }
    if (this.#started) return;
    const deadline = Date.now() + START_MS;
    const patience = (): void => {
      if (Date.now() > deadline) throw this.#dead(attempted);
    };
    if (!this.#mailbox.started(LOOK_MS, patience)) throw this.#dead(attempted);
    this.#started = true;
  }

  #checkAlive(attempted: string): void {
    if (!existsSync(`/proc/self/task/${this.#mailbox.thread}`)) throw this.#dead(attempted);
  }

  #dead(attempted: string): SystemError {
    const failure: Failure = {
      path: this.path,
      attempted,
      reason: 'the thread of the simulated card is gone',
      hint: `close the device and open it again: open('${this.spec}')`,
    };
    return new SystemError(this.#death === undefined ? failure : { ...failure, cause: this.#death });
  }

  /** As on the unmapped path of a real card: config space is read and written by pread and pwrite. */
  #checkWidth(region: number, offset: number, width: Width, attempted: string): void {
    if (width !== 64 || region === REGION.BAR0) return;
    throw new UsageError({
      path: `${this.path}/config+0x${offset.toString(16)}`,
      attempted,
      reason: '64 bits cannot be accessed at once here, the region is not mapped',
      hint: 'make two accesses of 32 bits',
    });
  }

  /** The kernel's own references to eventfds: -1 for none. */
  #copies(eventfds: readonly (Eventfd | undefined)[], attempted: string): number[] {
    const copies: number[] = [];
    for (const eventfd of eventfds) {
      const fd = eventfd === undefined ? -1 : libc().dup(eventfd.fd);
      if (eventfd !== undefined && fd < 0) {
        for (const copy of copies) close(copy);
        throw new SystemError({
          path: this.path,
          attempted,
          reason: `fd ${eventfd.fd} is no eventfd`,
          errno: errnoName(-fd),
          hint: 'give an eventfd that is open',
        });
      }
      copies.push(fd);
    }
    return copies;
  }

  #rearm(key: string, fd: number | undefined): void {
    close(this.#armed.get(key) ?? -1);
    if (fd === undefined || fd < 0) this.#armed.delete(key);
    else this.#armed.set(key, fd);
  }
}

function close(fd: number): void {
  if (fd >= 0) libc().close(fd);
}
