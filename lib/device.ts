/** An open PCIe device. It owns its buffers and its interrupt vectors. */
import { type Backend, type Feature, type IrqInfo, type IrqName, irqLabel, REGION } from './backend.js';
import { Buffers, type Leaks } from './buffers.js';
import type { Capability, Place } from './config/capability.js';
import type { CapabilityName, CapabilityRegisters } from './config/catalog.js';
import { Config, type Surroundings } from './config/config.js';
import { slotOf } from './config/filter.js';
import { HEADER } from './config/header.js';
import { Seen } from './config/seen.js';
import { type AnyCapability, capabilitiesOf } from './config/walk.js';
import type { DmaBuffer, DmaOptions } from './dma.js';
import { ClosedError, GoneError, type LabError, UsageError } from './errors.js';
import { type Blow, tellBlow } from './fate.js';
import { systemNames } from './host/ids.js';
import { HotResetDevices } from './hot-reset.js';
import { type Identity, identityOf } from './identity.js';
import { IovaSpace } from './iova.js';
import type { Irq } from './irq.js';
import { Irqs, type Vectors } from './irqs.js';
import { pictureOf } from './picture.js';
import { Region } from './region.js';
import { DeviceStatus } from './status.js';
import { ownedByThread } from './thread.js';
import { Shown, VIEW, type View } from './view.js';

/** Something that befell the card from outside. */
export interface CardEvent {
  /**
   * 'req': it was taken away, and is closed. 'err': the bus reported an uncorrectable error (AER); it is still open. After one that is not
   * fatal all is as it was. After a fatal one the kernel resets the link, and restores nothing: COMMAND and the BARs in config space are 0,
   * its registers are as after power-on, mapped BARs answer anything, and no reset cures that; closing the card and opening it again does.
   */
  readonly kind: Blow;
  readonly at: Date;
  /** '0000:03:00.0 was taken away at 12:03:04: its driver asked for it (REQ)' */
  readonly message: string;
}

export class Device extends Shown {
  readonly #backend: Backend;
  readonly #regions: readonly Region[];
  /** Config space: 256 bytes, or 4096 for PCI Express, by pread and pwrite; 8, 16 and 32 bits. */
  readonly config: Config;
  readonly #buffers: Buffers;
  readonly #irqs: Irqs;
  readonly #seen = new Seen();
  readonly #onClose: () => void;
  readonly #listeners = new Set<(event: CardEvent) => void>();
  readonly identity: Identity;
  #closed = false;

  /** Users come by a Device through `open()`. */
  constructor(backend: Backend, space: IovaSpace = new IovaSpace(backend.iovaRanges), onClose: () => void = () => {}) {
    super();
    this.#backend = backend;
    this.#buffers = new Buffers(backend, space);
    this.#irqs = new Irqs(backend);
    this.#regions = backend.regions.map((info) => {
      return info.index === REGION.CONFIG
        ? new Config(backend, info, around(backend), this.#seen)
        : new Region(backend, info);
    });
    this.config = this.region('config') as Config;
    this.#onClose = onClose;
    ownedByThread(this, this.path);
    this.identity = identityOf(this.config);
    backend.watch?.((blow, at) => this.#befall(blow, at));
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
    return this.#buffers.list;
  }

  /** The vectors that are enabled now. */
  get enabledIrqs(): readonly Irq[] {
    return this.#irqs.list;
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

  /**
   * Every capability that config space lists, as data: name, id, offset, version, registers with named fields and `raw`. Reads config
   * space once, now; looking at what it returns reads nothing. JSON.stringify() takes it as it is.
   *
   * @throws BusError, ClosedError as `Region.readBlock` does. Ref: PCI Express Base 6.0, 7.5 to 7.9
   * @example dev.capabilities().map((capability) => capability.name)
   */
  capabilities(): readonly AnyCapability[] {
    return capabilitiesOf(this.config.space());
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
    if (found !== undefined) return found as Place as Capability<CapabilityRegisters<N>>;
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
    this.#needCard(name);
    throw new UsageError({
      path: this.path,
      attempted: 'region',
      reason: `no region ${name}`,
      hint: `it has ${this.#regions.map((r) => r.name).join(', ')}`,
    });
  }

  /**
   * Memory for DMA: allocated, zeroed, and mapped for the device; or the caller's own, mapped for the device as it is. The device
   * cannot reach it before `dev.busMaster(true)`.
   *
   * The caller's memory is whole pages, page-aligned and off V8's heap: `pageMemory(size)` is, an ArrayBuffer of its own may be. It is
   * kept from being collected while it is mapped, is not zeroed, and `free()` leaves it as it is.
   *
   * @param memory bytes, rounded up to whole pages; or the memory.
   * @throws UsageError for options that make no sense, for memory that is no whole pages, and for an IOVA that is taken or out of the
   * ranges; SystemError where the kernel refuses: no huge pages, memlock too small.
   * @example const buf = dev.dma(4096, { mask: 0xfff_ffff })
   */
  dma(memory: number | Uint8Array, options: DmaOptions = {}): DmaBuffer {
    this.#checkOpen('dma');
    return this.#buffers.map(memory, options);
  }

  /**
   * The mapped buffer that has the byte at an IOVA, or a view of its memory; undefined where none has. Touches nothing.
   *
   * @example dev.bufferAt(0x1234n)?.path
   */
  bufferAt(where: bigint | Uint8Array): DmaBuffer | undefined {
    return this.#buffers.at(where);
  }

  /**
   * Enables vectors of one kind of interrupt; of the best that the device has (MSI-X, MSI, INTx) where no kind is given. MSI and
   * MSI-X are bus writes: nothing arrives before `dev.busMaster(true)`.
   *
   * A second call of the same kind adds vectors. Where the kernel says NORESIZE (MSI always, MSI-X before Linux 6.4) only those below
   * the highest of the first call can be added.
   *
   * @param vectors how many, from 0 on; or `{ vectors: [0, 3] }`, each by its number. Returned in that order.
   * @throws UsageError where the device has no such interrupt, another of INTx, MSI and MSI-X is enabled, or a vector is enabled
   * already or cannot be added; SystemError.
   * @example const [irq] = dev.enableIrqs('msi')
   */
  enableIrqs(kind?: IrqName, vectors: Vectors = 1): [Irq, ...Irq[]] {
    this.#checkOpen('enableIrqs');
    return this.#irqs.enable(kind, vectors);
  }

  /**
   * Disables all vectors of one kind, those given, or every kind; waits on them end with a ClosedError.
   *
   * @example dev.disableIrqs('msix', { vectors: [3] })
   */
  disableIrqs(kind?: IrqName, which?: { readonly vectors: readonly number[] }): void {
    this.#checkOpen('disableIrqs');
    if (kind === undefined) this.#irqs.disableAll();
    else this.#irqs.disable(kind, which?.vectors);
  }

  /** Sets or clears COMMAND.MASTER, the device's right to write and read memory on its own: DMA, MSI, MSI-X. */
  busMaster(on: boolean): void {
    this.config.registers(HEADER).COMMAND.modify({ MASTER: on ? 1 : 0 });
  }

  /**
   * Resets the device (FLR or what the kernel has for it). The device's own registers are as after power-on; all that is yours lives on:
   *
   * - config space is saved and restored by the kernel, bus mastering (COMMAND.MASTER) with it;
   * - buffers stay mapped at their IOVAs, their bytes and guards as they are, and mapped BARs answer again;
   * - vectors stay enabled, in the device's MSI or MSI-X table too; counts and waits go on, and an INTx that was masked stays masked.
   *
   * What the device was told in its registers (rings, interrupt enables) is to be told again. Stop its DMA first where it has a way to.
   *
   * @throws UsageError where the kernel knows no reset for this device; SystemError. Ref: VFIO_DEVICE_RESET
   * @example dev.reset()
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

  /**
   * What `hotReset()` would reset: the functions on the device's slot or bus, their groups, and whether this process has them open.
   *
   * @throws SystemError where neither can be reset. Ref: VFIO_DEVICE_GET_PCI_HOT_RESET_INFO
   */
  hotResetDevices(): HotResetDevices {
    this.#checkOpen('hotResetDevices');
    return new HotResetDevices(this.path, this.#backend.hotResetMembers());
  }

  /**
   * Resets the slot or bus that the device is in (PCI Express: the link), and with it every function there. It is done only where this
   * process has all of them open. As after `reset()`, each one's config space is restored, buffers stay mapped and vectors enabled;
   * registers are as after power-on.
   *
   * @returns what was reset.
   * @throws SystemError naming what else would be reset and is not open here, or the kernel's reason. Ref: VFIO_DEVICE_PCI_HOT_RESET
   * @example dev.hotResetDevices(); dev.hotReset()
   */
  hotReset(): HotResetDevices {
    const devices = this.hotResetDevices();
    this.#backend.hotReset();
    return devices;
  }

  /** What the kernel and its driver offer for the device beyond the rest, each probed now. Ref: VFIO_DEVICE_FEATURE */
  features(): readonly Feature[] {
    this.#checkOpen('features');
    return this.#backend.features();
  }

  /**
   * Lets the kernel put the device into its lowest power state, or takes it out. Meanwhile accesses to it are a BusError.
   *
   * @throws SystemError where kernel or device cannot. Ref: VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY and _EXIT
   */
  lowPower(on: boolean): void {
    this.#checkOpen('lowPower');
    this.#backend.lowPower(on);
  }

  /**
   * Has `listener` called, from the event loop, when something befalls the card from outside: its driver is to leave it (an unbind,
   * fewer VFs; it is closed by then), or the bus reports an error of it. What was awaited of a card that is gone has ended with a
   * GoneError; so does every later access. A process whose event loop is busy lets go of the card in time where a thread looks after its
   * cards: in cells, and with `{ share: true }`.
   *
   * @returns what ends it. Ref: VFIO_PCI_REQ_IRQ_INDEX, VFIO_PCI_ERR_IRQ_INDEX
   * @example dev.onEvent(({ message }) => console.error(message))
   */
  onEvent(listener: (event: CardEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * What is known of the card without asking it: COMMAND and the link as they were last seen, and when; what is enabled and mapped; who
   * else has it open; whether it is gone. Touches nothing, unless it is to be refreshed: then it reads COMMAND and LNKSTA (and
   * once the conventional config space, to find LNKSTA), and of a card that is gone tells just that.
   *
   * @throws BusError where config space cannot be read.
   * @example dev.status()
   * @example dev.status({ refresh: true }).link?.speed
   */
  status({ refresh = false }: { readonly refresh?: boolean } = {}): DeviceStatus {
    try {
      if (refresh && !this.#closed) this.#seen.refresh(this.config);
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error;
    }
    const { spec, path, driver, others = [], irqHolder, fate } = this.#backend;
    const gone = fate?.lost ?? (this.#closed ? 'was closed' : undefined);
    const irqs = this.irqs
      .map(({ name }) => ({ kind: name, vectors: this.#irqs.of(name).length }))
      .filter(({ vectors }) => vectors > 0);
    const dma = { buffers: this.buffers.length, bytes: this.buffers.reduce((sum, { size }) => sum + size, 0) };
    const { command, link } = this.#seen;
    return new DeviceStatus({ path, spec, driver, gone, command, link, irqs, irqHolder, dma, others }, fate?.silentAt);
  }

  /**
   * Rehearses what befalls cards: fires REQ or ERR from software, and all that follows is as if an unbind or the bus had done it. The
   * device does not notice; after 'req' it can be opened again at once.
   *
   * @throws UsageError where the device has no such interrupt. Ref: VFIO_IRQ_SET_ACTION_TRIGGER with DATA_NONE
   * @example dev.rehearse('req')
   */
  rehearse(kind: 'req' | 'err'): void {
    this.#checkOpen('rehearse');
    const info = this.irqs.find(({ name }) => name === kind);
    if (info === undefined) {
      const reason = `the device has no ${irqLabel(kind)}`;
      throw new UsageError({ path: this.path, attempted: 'rehearse', reason, hint: 'dev.irqs tells what it has' });
    }
    this.#backend.setIrqs(info.index, 'trigger', 0, { none: 1 });
  }

  /**
   * Disables interrupts, frees buffers, closes every fd. The card can be opened again at once. Closing twice is allowed.
   *
   * @returns the buffers that were still mapped, and where each was made; undefined where there were none. Never throws.
   */
  close(): Leaks | undefined {
    if (this.#closed) return undefined;
    this.#closed = true;
    this.#irqs.close(this.#ended);
    if (this.#backend.dmaPlace !== undefined) this.#keepOut();
    const leaks = this.#buffers.close();
    this.#backend.close();
    this.#onClose();
    return leaks;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [VIEW](): View {
    return pictureOf(this, this.#backend);
  }

  readonly #ended = (path: string, attempted: string): LabError => {
    const lost = this.#backend.fate?.lost;
    if (lost === undefined)
      return new ClosedError({ path, attempted, reason: 'the device was closed', hint: 'open it again with open()' });
    const hint = 'give it to vfio-pci again, then open it';
    return new GoneError({ path, attempted, reason: `the card ${lost}`, hint });
  };

  #befall(kind: Blow, at: number): void {
    if (kind === 'req') this.close();
    const event = { kind, at: new Date(at), message: `${this.path} ${tellBlow(kind, at)}` };
    for (const listener of this.#listeners) listener(event);
  }

  /** Before memory is given back that the device sees where it is: only COMMAND.MASTER stops it. */
  #keepOut(): void {
    try {
      this.busMaster(false);
    } catch {
      // The card is gone, and with it what it was about to write.
    }
  }

  #checkOpen(attempted: string): void {
    if (this.#closed || this.#backend.fate?.lost) throw this.#ended(this.path, attempted);
    this.#needCard(attempted);
  }

  #needCard(attempted: string): void {
    const error = this.#backend.missing?.(attempted);
    if (error !== undefined) throw error;
  }
}

function around({ path, regions }: Backend): Surroundings {
  const sizes = new Map(regions.filter(({ index }) => index <= REGION.ROM).map(({ index, size }) => [index, size]));
  return { sizes, slot: slotOf(path), names: systemNames };
}
