/**
 * Simulated cards behind the seam. The card is a thread of its own (lib/sim/) with the clock for its time, real eventfds
 * for its interrupts and this process's memory to DMA into; here are the requests to it, each answered before it
 * returns, and what vfio-pci says of such a card.
 */
import { constants } from 'node:os';
import {
  type Backend,
  type DmaAccess,
  type DmaMemory,
  type Eventfd,
  type Feature,
  type HotResetMember,
  IRQ,
  type IrqAction,
  type IrqData,
  type IrqInfo,
  REGION,
  type RegionInfo,
  type Width,
} from '../backend.js';
import { SystemError, UsageError } from '../errors.js';
import { type Blow, Fate } from '../fate.js';
import { libc } from '../native.js';
import { IOVA_RANGES, PAGE_SIZES } from '../sim/iommu.js';
import { Link } from '../sim/link.js';
import { ACCESS, ACTIONS, BLOCK_SIZE, DATA, type Mailbox, OP, type Op } from '../sim/mailbox.js';
import { Vigil } from '../share/vigil.js';
import { closed, faulted, notAtOnce } from './access.js';
import { KernelEventfd } from './eventfd.js';
import { BorrowedMemory, isMappable, PageMemory } from './memory.js';
import {
  allUnmapped,
  type Cause,
  type Causes,
  granted,
  irqName,
  mapDma,
  notPageMemory,
  SET_IRQS,
  UNMAP_DMA,
} from './refused.js';

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
  { index: IRQ.msi, name: 'msi', count: 1, maskable: false, automasked: false, noresize: true },
  { index: IRQ.req, name: 'req', count: 1, maskable: false, automasked: false, noresize: true },
];

/**
 * Opens a simulated card: 'edu'. Each opening is a card of its own, fresh from power-on.
 *
 * @throws UsageError for a name that no simulated card has.
 * @example openSim('edu')
 */
export function openSim(name: string): Backend {
  if (CARDS.includes(name)) return new SimBackend(`sim:${name}`, new Link(`sim:${name}`));
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
  readonly fate = new Fate();
  readonly #link: Link;
  /** What the card reaches by pointer: it must not be collected meanwhile. */
  readonly #mapped = new Map<bigint, DmaMemory>();
  /** Copies of the armed eventfds, as the kernel holds on to them whatever their owner closes: 'index/action'. */
  readonly #armed = new Map<string, number>();
  #vigil: Vigil | undefined;
  #closed = false;

  /** Takes the link over: `close()` closes it. */
  constructor(spec: string, link: Link) {
    this.spec = spec;
    this.path = spec;
    this.#link = link;
  }

  read(region: number, offset: number, width: Width): number | bigint {
    const attempted = `read${width}`;
    const { numbers, wide } = this.#place(region, offset, width, attempted);
    this.#access(OP.read, region, offset, attempted);
    return (width === 64 ? wide[0] : numbers[0]) ?? 0;
  }

  write(region: number, offset: number, width: Width, value: number | bigint): void {
    const attempted = `write${width}`;
    const { numbers, wide } = this.#place(region, offset, width, attempted);
    if (width === 64) wide[0] = BigInt(value);
    else numbers[3] = Number(value);
    this.#access(OP.write, region, offset, attempted);
  }

  readBlock(region: number, offset: number, width: Width, into: Uint8Array): void {
    const attempted = `readBlock${width}`;
    for (let done = 0; done < into.length; done += BLOCK_SIZE) {
      const part = into.subarray(done, done + BLOCK_SIZE);
      const { numbers, bytes } = this.#place(region, offset + done, width, attempted);
      numbers[3] = part.length;
      this.#access(OP.readBlock, region, offset + done, attempted);
      part.set(bytes.subarray(0, part.length));
    }
  }

  writeBlock(region: number, offset: number, width: Width, from: Uint8Array): void {
    const attempted = `writeBlock${width}`;
    for (let done = 0; done < from.length; done += BLOCK_SIZE) {
      const part = from.subarray(done, done + BLOCK_SIZE);
      const { numbers, bytes } = this.#place(region, offset + done, width, attempted);
      numbers[3] = part.length;
      bytes.set(part);
      this.#access(OP.writeBlock, region, offset + done, attempted);
    }
  }

  dmaAlloc(size: number, pageSize: number): DmaMemory {
    this.#checkOpen('dmaAlloc');
    return new PageMemory(size, pageSize, this.path);
  }

  dmaAdopt(bytes: Uint8Array): DmaMemory {
    this.#checkOpen('dmaAdopt');
    return new BorrowedMemory(bytes, this.path);
  }

  dmaMap(memory: DmaMemory, iova: bigint, access: DmaAccess): void {
    this.#checkOpen('dmaMap');
    if (!isMappable(memory)) throw notPageMemory(this.path);
    const attempted = 'VFIO_IOMMU_MAP_DMA';
    const { numbers, wide } = this.#link.ready(attempted);
    wide[0] = iova;
    wide[1] = BigInt(memory.size);
    wide[2] = memory.pointer;
    numbers[0] = (access.read ? ACCESS.read : 0) | (access.write ? ACCESS.write : 0);
    this.#ioctl(OP.dmaMap, dmaPath(this.path, iova), attempted, mapDma(memory.size, IOVA_RANGES));
    this.#mapped.set(iova, memory);
  }

  dmaUnmap(iova: bigint, size: number): void {
    if (this.#closed) throw closed(this, 'dmaUnmap');
    const attempted = 'VFIO_IOMMU_UNMAP_DMA';
    const { wide } = this.#link.ready(attempted);
    wide[0] = iova;
    wide[1] = BigInt(size);
    this.#ioctl(OP.dmaUnmap, dmaPath(this.path, iova), attempted, UNMAP_DMA);
    for (const start of this.#mapped.keys()) {
      if (iova <= start && start < iova + BigInt(size)) this.#mapped.delete(start);
    }
    allUnmapped(wide[0], size, dmaPath(this.path, iova));
  }

  eventfd(): Eventfd {
    this.#checkOpen('eventfd');
    return new KernelEventfd();
  }

  watch(onBlow: (blow: Blow, at: number) => void): void {
    this.#checkOpen('watch');
    this.#vigil = new Vigil({ backend: this, fate: this.fate }, onBlow);
  }

  setIrqs(index: number, action: IrqAction, start: number, data: IrqData): void {
    this.#checkOpen('setIrqs');
    const path = `${this.path}/${irqName(index)}`;
    const attempted = `VFIO_DEVICE_SET_IRQS (${action})`;
    const { numbers, bytes } = this.#link.ready(attempted);
    const eventfds = 'eventfds' in data ? copies(data.eventfds, path, attempted) : [];
    const values = 'bools' in data ? data.bools.map(Number) : eventfds;
    new Int32Array(bytes.buffer, bytes.byteOffset).set(values);
    numbers[0] = index;
    numbers[1] = ACTIONS.indexOf(action);
    numbers[2] = start;
    numbers[3] = 'none' in data ? DATA.none : 'bools' in data ? DATA.bools : DATA.eventfds;
    numbers[4] = 'none' in data ? data.none : values.length;
    try {
      this.#ioctl(OP.setIrqs, path, attempted, SET_IRQS);
    } catch (error) {
      for (const fd of eventfds) close(fd);
      throw error;
    }
    if (eventfds[0] !== undefined) this.#arm(`${index}/${action}`, eventfds[0]);
    if ('none' in data && data.none === 0 && action === 'trigger') {
      this.#arm(`${index}/trigger`, NO_FD);
      this.#arm(`${index}/unmask`, NO_FD);
      this.#vigil?.rearm(index);
    }
  }

  reset(): void {
    this.#checkOpen('reset');
    this.#link.ready('VFIO_DEVICE_RESET');
    this.#ioctl(OP.reset, this.path, 'VFIO_DEVICE_RESET', {});
  }

  hotResetMembers(): readonly HotResetMember[] {
    this.#checkOpen('hotResetMembers');
    throw this.#lacks('VFIO_DEVICE_GET_PCI_HOT_RESET_INFO', 'ENODEV', NO_BUS);
  }

  hotReset(): void {
    this.#checkOpen('hotReset');
    throw this.#lacks('VFIO_DEVICE_PCI_HOT_RESET', 'ENODEV', NO_BUS);
  }

  features(): readonly Feature[] {
    this.#checkOpen('features');
    return [];
  }

  lowPower(): void {
    this.#checkOpen('lowPower');
    throw this.#lacks('VFIO_DEVICE_FEATURE', 'ENOTTY', NO_FEATURE);
  }

  close(): void {
    if (this.#closed) return;
    this.#vigil?.end();
    this.#closed = true;
    this.#link.close();
    for (const key of this.#armed.keys()) this.#arm(key, NO_FD);
    this.#mapped.clear();
  }

  /** Writes down where an access goes. */
  #place(region: number, offset: number, width: Width, attempted: string): Mailbox {
    this.#checkOpen(attempted);
    // Like the kernel's, config space is reached by pread and pwrite.
    if (width === 64 && region === REGION.CONFIG) throw notAtOnce(this.#at(region, offset), attempted);
    const mailbox = this.#link.ready(attempted);
    mailbox.numbers[0] = region;
    mailbox.numbers[1] = offset;
    mailbox.numbers[2] = width;
    return mailbox;
  }

  /** A request that makes an access; what can go wrong is a fault. */
  #access(op: Op, region: number, offset: number, attempted: string): void {
    if (this.#link.request(op, attempted)) throw faulted(this.#at(region, offset), attempted);
  }

  /** A request that is an ioctl on a real card. */
  #ioctl(op: Op, path: string, attempted: string, causes: Causes): void {
    const refused = this.#link.request(op, attempted);
    if (refused !== undefined && refused !== 'SIGBUS') {
      granted(-constants.errno[refused], path, attempted, causes);
    }
  }

  /** Keeps the copy of an eventfd in the place of an earlier one. */
  #arm(key: string, fd: number): void {
    close(this.#armed.get(key) ?? NO_FD);
    if (fd === NO_FD) this.#armed.delete(key);
    else this.#armed.set(key, fd);
  }

  #at(region: number, offset: number): string {
    const name = REGIONS.find((info) => info.index === region)?.name ?? `region${region}`;
    return `${this.path}/${name}+0x${offset.toString(16)}`;
  }

  #lacks(attempted: string, errno: string, [reason, hint]: Cause): SystemError {
    return new SystemError({ path: this.path, attempted, reason, errno, hint });
  }

  #checkOpen(attempted: string): void {
    if (this.#closed || this.fate.lost) throw closed(this, attempted);
  }
}

const NO_FD = -1;

const NO_BUS: Cause = ['a simulated card is on no bus that could be reset', 'dev.reset() resets the card'];
const NO_FEATURE: Cause = ['a simulated card has no low power', 'dev.features() tells what there is'];

const dmaPath = (path: string, iova: bigint): string => `${path}/dma@0x${iova.toString(16)}`;

/** The kernel's own references to eventfds. */
function copies(eventfds: readonly (Eventfd | undefined)[], path: string, attempted: string): number[] {
  const made: number[] = [];
  for (const eventfd of eventfds) {
    const fd = eventfd === undefined ? NO_FD : libc().dup(eventfd.fd);
    if (eventfd === undefined || fd >= 0) {
      made.push(fd);
      continue;
    }
    for (const copy of made) close(copy);
    granted(fd, path, attempted, { EBADF: [`fd ${eventfd.fd} is closed`, 'give an eventfd that is open'] });
  }
  return made;
}

function close(fd: number): void {
  if (fd >= 0) libc().close(fd);
}
