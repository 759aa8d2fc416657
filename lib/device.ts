/** An open PCIe device. It owns its buffers and its interrupt vectors. */
import { type Backend, IRQ, type IrqInfo, type IrqName } from './backend.js';
import type { Capability } from './config/capability.js';
import type { CapabilityName, CapabilityRegisters } from './config/catalog.js';
import { HEADER } from './config/header.js';
import type { Space } from './config/space.js';
import { capabilitiesOf } from './config/walk.js';
import { allocDma, type DmaBuffer, type DmaOptions } from './dma.js';
import { ClosedError, UsageError } from './errors.js';
import { IovaSpace } from './iova.js';
import { enableIrqs, type Irq, label } from './irq.js';
import { hex, REGION_HEAD, Region, regionRow, sizeText } from './region.js';
import { type CellLike, Shown, VIEW, View } from './view.js';

/** What the card said it is when it was opened. */
export interface Identity {
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  /** Base class, sub-class and programming interface: 24 bits. */
  readonly classCode: number;
}

export class Device extends Shown {
  readonly #backend: Backend;
  readonly #space: IovaSpace;
  readonly #regions: readonly Region[];
  readonly #buffers = new Set<DmaBuffer>();
  readonly #irqs = new Map<IrqName, readonly Irq[]>();
  readonly #onClose: () => void;
  readonly identity: Identity;
  #closed = false;

  /** Users come by a Device through `open()`. */
  constructor(backend: Backend, space: IovaSpace = new IovaSpace(backend.iovaRanges), onClose: () => void = () => {}) {
    super();
    this.#backend = backend;
    this.#space = space;
    this.#regions = backend.regions.map((info) => new Region(backend, info));
    this.#onClose = onClose;
    const header = this.config.registers(HEADER);
    this.identity = {
      vendor: header.VENDOR_ID.read(),
      device: header.DEVICE_ID.read(),
      revision: header.REVISION_ID.read(),
      classCode: (header.BASE_CLASS.read() << 16) | (header.SUB_CLASS.read() << 8) | header.PROG_IF.read(),
    };
  }

  /** What `open()` takes to come back here: 'sim:edu', 'iommufd:0000:03:00.0', 'group:0000:03:00.0'. */
  get spec(): string {
    return this.#backend.spec;
  }

  /** How errors name the device: '0000:03:00.0'. */
  get path(): string {
    return this.#backend.path;
  }

  /** Who is on the other end: 'vfio-pci, iommufd, VT-d', 'vfio-pci, group 12', 'simulator'. */
  get driver(): string {
    return this.#backend.driver;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The regions that the device has: BARs, ROM, config space. */
  get regions(): readonly Region[] {
    return this.#regions;
  }

  /** The kinds of interrupts that the device has, and how many vectors of each. */
  get irqs(): readonly IrqInfo[] {
    return this.#backend.irqs;
  }

  /** The buffers that are mapped now. */
  get buffers(): readonly DmaBuffer[] {
    return [...this.#buffers];
  }

  /** The vectors that are enabled now. */
  get enabledIrqs(): readonly Irq[] {
    return [...this.#irqs.values()].flat();
  }

  /**
   * BAR `index`, 0 to 5.
   *
   * @throws UsageError where the device has no such BAR (the upper half of a 64-bit BAR is none).
   * @example dev.bar(0).read32(0x20)
   */
  bar(index: number): Region {
    return this.region(`bar${index}`);
  }

  /** Config space: 256 bytes, or 4096 for PCI Express, by pread and pwrite; 8, 16 and 32 bits. */
  get config(): Region {
    return this.region('config');
  }

  /**
   * Every capability that config space lists, as data: name, id, offset, version, registers with named fields and `raw`. Reads config
   * space once, now; looking at what it returns reads nothing. JSON.stringify() takes it as it is.
   *
   * @throws BusError, ClosedError as `Region.readBlock` does. Ref: PCI Express Base 6.0, 7.5 to 7.9
   * @example dev.capabilities().map((capability) => capability.name)
   */
  capabilities(): readonly Capability[] {
    return capabilitiesOf(this.#configSpace());
  }

  /**
   * The first capability of a name, as setpci calls it: 'PM', 'MSI', 'EXP'. Reads config space as `capabilities()` does. A register
   * that this capability lacks throws when it is asked for.
   *
   * @throws UsageError where the device has no such capability.
   * @example dev.cap('EXP').LNKSTA.SPEED // '8GT/s'
   */
  cap<N extends CapabilityName>(name: N): Capability<CapabilityRegisters<N>> {
    const all = this.capabilities();
    const found = all.find((capability) => capability.name === name);
    if (found !== undefined) return found as Capability as Capability<CapabilityRegisters<N>>;
    throw new UsageError({
      path: `${this.path}/config`,
      attempted: `cap('${name}')`,
      reason: 'no such capability',
      hint: `it has ${all.map((capability) => capability.name).join(', ') || 'none'}`,
    });
  }

  /** A region by VFIO's name: 'bar0' … 'bar5', 'rom', 'config', 'vga'. @throws UsageError where the device has no such region. */
  region(name: string): Region {
    const region = this.#regions.find((candidate) => candidate.name === name);
    if (region !== undefined) return region;
    throw new UsageError({
      path: this.path,
      attempted: 'region',
      reason: `no region ${name}`,
      hint: `it has ${this.#regions.map((r) => r.name).join(', ')}`,
    });
  }

  /**
   * Memory for DMA: allocated, zeroed, and mapped for the device. The device cannot reach it before `dev.busMaster(true)`.
   *
   * @param size bytes, rounded up to whole pages.
   * @throws UsageError for options that make no sense; SystemError where the kernel refuses: no huge pages, memlock too small.
   * @example const buf = dev.dma(4096, { mask: 0xfff_ffff })
   */
  dma(size: number, options: DmaOptions = {}): DmaBuffer {
    this.#checkOpen('dma');
    const buffer = allocDma(this.#backend, this.#space, size, options, (freed) => this.#buffers.delete(freed));
    this.#buffers.add(buffer);
    return buffer;
  }

  /**
   * Enables vectors 0 to `count` - 1 of one kind of interrupt. MSI and MSI-X are bus writes: nothing arrives before
   * `dev.busMaster(true)`.
   *
   * @throws UsageError where the device has no such interrupt, or another of INTx, MSI and MSI-X is enabled; SystemError.
   * @example const [irq] = dev.enableIrqs('msi')
   */
  enableIrqs(kind: IrqName, count = 1): [Irq, ...Irq[]] {
    this.#checkOpen('enableIrqs');
    const rival = SIGNALLING.includes(kind)
      ? SIGNALLING.find((other) => this.#irqs.has(other))
      : this.#irqs.has(kind)
        ? kind
        : undefined;
    if (rival !== undefined) {
      throw new UsageError({
        path: this.path,
        attempted: 'enableIrqs',
        reason:
          rival === kind
            ? `${label(kind)} is enabled already`
            : `${label(rival)} is enabled, and a device signals in one way at a time`,
        hint: `dev.disableIrqs('${rival}') first`,
      });
    }
    const irqs = enableIrqs(this.#backend, kind, count);
    this.#irqs.set(kind, irqs);
    return irqs;
  }

  /** Disables all vectors of one kind, or of every kind; waits on them end with a ClosedError. */
  disableIrqs(kind?: IrqName): void {
    this.#checkOpen('disableIrqs');
    for (const each of kind === undefined ? [...this.#irqs.keys()] : [kind]) {
      if (!this.#irqs.has(each)) continue;
      this.#backend.setIrqs(IRQ[each], 'trigger', 0, { none: 0 });
      this.#endIrqs(each, 'the interrupt was disabled', 'enable it again with dev.enableIrqs()');
    }
  }

  /** Sets or clears COMMAND.MASTER, the device's right to write and read memory on its own: DMA, MSI, MSI-X. */
  busMaster(on: boolean): void {
    this.config.registers(HEADER).COMMAND.modify({ MASTER: on ? 1 : 0 });
  }

  /**
   * Resets the device (FLR or what the kernel has for it). The kernel saves and restores config space; what the reset does to the
   * registers is the device's affair. Buffers stay mapped and vectors stay enabled.
   *
   * @throws UsageError where the kernel knows no reset for this device; SystemError. Ref: VFIO_DEVICE_RESET
   */
  reset(): void {
    this.#checkOpen('reset');
    if (!this.#backend.canReset) {
      throw new UsageError({
        path: this.path,
        attempted: 'reset',
        reason: 'the kernel knows no reset for this device alone',
        hint: "look at the device's reset_method in sysfs",
      });
    }
    this.#backend.reset();
  }

  /** Disables interrupts, frees buffers, closes every fd. The card can be opened again at once. Closing twice is allowed. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const kind of [...this.#irqs.keys()]) this.#endIrqs(kind, 'the device was closed', REOPEN);
    for (const buffer of this.#buffers) {
      try {
        buffer.free();
      } catch {
        // the card may be gone; closing the fds unmaps what is left
      }
    }
    this.#backend.close();
    this.#onClose();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [VIEW](): View {
    const { vendor, device, revision, classCode } = this.identity;
    const digits = (value: number, count: number) => value.toString(16).padStart(count, '0');
    const rows: CellLike[][] = this.#backend.regions.map((info) => [...regionRow(info)]);
    for (const info of this.irqs) {
      const irqs = this.#irqs.get(info.name);
      const fired = irqs?.map((irq) => irq.count).join(' ');
      rows.push([
        { text: label(info.name), tone: 'name' },
        { text: `${info.count}`, align: 'right' },
        info.count === 1 ? 'vector' : 'vectors',
        irqs === undefined
          ? { text: 'off', tone: 'dim' }
          : { text: `${irqs.length} enabled, fired ${fired}`, tone: 'good' },
      ]);
    }
    for (const buffer of this.#buffers)
      rows.push([
        { text: 'DMA', tone: 'name' },
        { text: sizeText(buffer.size), align: 'right' },
        'buffer',
        `iova ${hex(buffer.iova)}`,
      ]);
    const state = this.#closed ? ', closed' : '';
    return new View(
      `${this.path}  ${digits(vendor, 4)}:${digits(device, 4)} rev ${digits(revision, 2)} class ${digits(classCode, 6)}  ${this.driver}${state}`,
      REGION_HEAD,
      rows,
    );
  }

  #configSpace(): Space {
    const { config } = this;
    const bytes = config.readBlock(0, config.size, 32);
    return { bytes, path: config.path };
  }

  #endIrqs(kind: IrqName, reason: string, hint: string): void {
    for (const irq of this.#irqs.get(kind) ?? [])
      irq.end(new ClosedError({ path: irq.path, attempted: 'wait', reason, hint }));
    this.#irqs.delete(kind);
  }

  #checkOpen(attempted: string): void {
    if (this.#closed)
      throw new ClosedError({ path: this.path, attempted, reason: 'the device was closed', hint: REOPEN });
  }
}

const REOPEN = 'open it again with open()';

/** Of these the device uses one at a time. */
const SIGNALLING: readonly IrqName[] = ['intx', 'msi', 'msix'];
