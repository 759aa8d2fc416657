/**
 * The seam: what a device is, however it is reached. Kernel VFIO and the simulator implement `Backend`, and nothing
 * above it knows which one it holds. Indices, flags and verbs are VFIO's.
 *
 * Callers of `read`, `write` and the block accesses have checked bounds, alignment, width and value (region.ts does);
 * a backend decides only how to make the access.
 *
 * Ref: include/uapi/linux/vfio.h
 */
import type { Blow, Fate } from './fate.js';

/** The width of one access, in bits. */
export type Width = 8 | 16 | 32 | 64;

/** What a register of width `W` holds: a number up to 32 bits, a bigint for 64. */
export type Value<W extends Width = Width> = W extends 64 ? bigint : number;

declare const IOVA: unique symbol;

/** An I/O virtual address: where the *device* sees a buffer. Bytes, 64 bits. */
export type Iova = bigint & { readonly [IOVA]: true };

/** A range of IOVAs that the IOMMU can map, both ends included. */
export interface IovaRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** VFIO's region indices of a PCI device (VFIO_PCI_*_REGION_INDEX): 0-5 are the BARs. */
export const REGION = { BAR0: 0, BAR1: 1, BAR2: 2, BAR3: 3, BAR4: 4, BAR5: 5, ROM: 6, CONFIG: 7, VGA: 8 } as const;

/** A part of a region that may be mapped. Offsets and sizes in bytes. */
export interface MmapArea {
  readonly offset: number;
  readonly size: number;
}

/** One region of the device (VFIO_DEVICE_GET_REGION_INFO). A region of size 0 does not exist and is not listed. */
export interface RegionInfo {
  readonly index: number;
  /** 'bar0' … 'bar5', 'rom', 'config', 'vga'. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly readable: boolean;
  readonly writable: boolean;
  /** What is mapped into this process; accesses outside go through pread and pwrite. Empty: nothing is mapped. */
  readonly mapped: readonly MmapArea[];
  /** True where the device's BAR is an I/O port BAR. */
  readonly io: boolean;
}

/** VFIO's interrupt indices of a PCI device (VFIO_PCI_*_IRQ_INDEX). */
export const IRQ = { intx: 0, msi: 1, msix: 2, err: 3, req: 4 } as const;
export type IrqName = keyof typeof IRQ;

const IRQ_LABELS: Readonly<Record<IrqName, string>> = {
  intx: 'INTx',
  msi: 'MSI',
  msix: 'MSI-X',
  err: 'ERR',
  req: 'REQ',
};

/** 'INTx', 'MSI', 'MSI-X', …: as the specification writes it. */
export const irqLabel = (kind: IrqName): string => IRQ_LABELS[kind];

/** One kind of interrupt (VFIO_DEVICE_GET_IRQ_INFO). A kind with count 0 is not listed. */
export interface IrqInfo {
  readonly index: number;
  readonly name: IrqName;
  /** Vectors. */
  readonly count: number;
  readonly maskable: boolean;
  /** Masked by the kernel each time it fires (INTx). */
  readonly automasked: boolean;
  /** The set of enabled vectors cannot grow later. */
  readonly noresize: boolean;
}

/** VFIO_IRQ_SET_ACTION_*. */
export type IrqAction = 'mask' | 'unmask' | 'trigger';

/**
 * VFIO_IRQ_SET_DATA_*: nothing but a count, a flag a vector, or an eventfd a vector (`undefined`: take it away).
 * `trigger` with `{ none: 0 }` disables the whole kind.
 */
export type IrqData =
  | { readonly none: number }
  | { readonly bools: readonly boolean[] }
  | { readonly eventfds: readonly (Eventfd | undefined)[] };

/** A counter in the kernel that an interrupt adds to. Non-blocking and close-on-exec. */
export interface Eventfd {
  readonly fd: number;
  /** Takes what was added since the last drain; 0 when nothing was. */
  drain(): number;
  /** Adds to it, as an interrupt does. */
  signal(count?: number): void;
  /** Calls `callback` from the event loop whenever something is there to drain; `undefined` stops. */
  onReady(callback: (() => void) | undefined): void;
  /** Whether the watch keeps the event loop, and so the process, alive. It does not until `ref()` was called. */
  ref(): void;
  unref(): void;
  /** Stops the watch and closes the fd. Closing twice is allowed. */
  close(): void;
}

/** A process, for people. */
export interface Holder {
  readonly pid: number;
  /** 'node'; 'ended' where it is no more. */
  readonly command: string;
}

/** Memory that a device may be given: page-aligned, page-sized, of one page size. */
export interface DmaMemory {
  /** External memory, not on V8's heap. After `release()` what was allocated reads zeros, and never crashes. */
  readonly bytes: Uint8Array;
  /** Bytes, a multiple of `pageSize`. */
  readonly size: number;
  /** Bytes: 4096, 2 MiB or 1 GiB. */
  readonly pageSize: number;
  /** Gives the pages back; the caller's own memory is let go. Releasing twice is allowed. */
  release(): void;
}

/** What the device may do to mapped memory. */
export interface DmaAccess {
  readonly read: boolean;
  readonly write: boolean;
}

/** A function that a hot reset resets. */
export interface HotResetMember {
  readonly bdf: string;
  /** Its IOMMU group. */
  readonly group: number | undefined;
  /** This process has it: the kernel resets only where that is so for all. */
  readonly owned: boolean;
}

/** VFIO_DEVICE_FEATURE_*: 'PCI_VF_TOKEN', 'LOW_POWER_ENTRY', …, and whether it can be read and set. */
export interface Feature {
  readonly name: string;
  readonly get: boolean;
  readonly set: boolean;
}

export interface Backend {
  /** The canonical string that `open()` takes to come back here: 'sim:edu', 'iommufd:0000:03:00.0', 'group:0000:03:00.0'. */
  readonly spec: string;
  /** How errors and displays name the device: '0000:03:00.0', 'sim:edu'. */
  readonly path: string;
  /** Who is on the other end, for people: 'vfio-pci, group 12', 'simulator'. */
  readonly driver: string;
  readonly regions: readonly RegionInfo[];
  readonly irqs: readonly IrqInfo[];
  /** They may narrow while the device is open, where another comes to share its mappings. */
  readonly iovaRanges: readonly IovaRange[];
  /** Page sizes that the IOMMU maps, bytes, ascending. */
  readonly pageSizes: readonly number[];
  readonly canReset: boolean;
  /** Where there is no card behind it (a dump): the error for what would need one. */
  missing?(attempted: string): Error;

  /**
   * One access of exactly this width. @throws BusError where the access faulted (decoding off, D3, reset),
   * UsageError where this path cannot make it (64 bits through pread).
   */
  read(region: number, offset: number, width: Width): number | bigint;
  write(region: number, offset: number, width: Width, value: number | bigint): void;
  /** `into.length / (width / 8)` accesses of this width at ascending offsets, in one native call where mapped. */
  readBlock(region: number, offset: number, width: Width, into: Uint8Array): void;
  writeBlock(region: number, offset: number, width: Width, from: Uint8Array): void;

  /** Allocates zeroed memory, `size` rounded up to whole pages; maps nothing. `pageSize` is one of 4096, 2 MiB, 1 GiB. */
  dmaAlloc(size: number, pageSize: number): DmaMemory;
  /** The caller's own memory, kept alive until its release. @throws UsageError where it is no whole pages off V8's heap. */
  dmaAdopt(bytes: Uint8Array): DmaMemory;
  /** There only without an IOMMU, where the device sees memory at one place, and nothing keeps it out: the IOVA to map it at. */
  readonly dmaPlace?: (memory: DmaMemory) => bigint | undefined;
  /** VFIO_IOMMU_MAP_DMA: lets the device reach `memory` at `iova`. */
  dmaMap(memory: DmaMemory, iova: bigint, access: DmaAccess): void;
  /** VFIO_IOMMU_UNMAP_DMA: exactly the range of one earlier `dmaMap`. */
  dmaUnmap(iova: bigint, size: number): void;

  eventfd(): Eventfd;
  /**
   * From now on `onBlow` is called, from the event loop, when the card is to go away (REQ) or the bus reports an error of it (ERR).
   * `fate` says on every thread whether it is gone; then it throws GoneErrors. The device does not notice that it is watched.
   */
  watch?(onBlow: (blow: Blow, at: number) => void): void;
  readonly fate?: Fate | undefined;
  /** Other processes that have the card open, and the one of them that has its interrupts. */
  readonly others?: readonly Holder[];
  readonly irqHolder?: Holder | undefined;
  /** VFIO_DEVICE_SET_IRQS. */
  setIrqs(index: number, action: IrqAction, start: number, data: IrqData): void;
  /** VFIO_DEVICE_RESET. */
  reset(): void;
  /** VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: all that resetting the device's slot or bus resets, itself among them. */
  hotResetMembers(): readonly HotResetMember[];
  /** VFIO_DEVICE_PCI_HOT_RESET. */
  hotReset(): void;
  /** VFIO_DEVICE_FEATURE, each probed now. */
  features(): readonly Feature[];
  /** VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY and _EXIT. */
  lowPower(on: boolean): void;
  /** Unmaps, closes every fd. Never throws; closing twice is allowed. */
  close(): void;
}
