/**
 * The regions of a VFIO device: what the kernel says of them, and which parts of them are mapped into this process.
 *
 * Ref: VFIO_DEVICE_GET_REGION_INFO with its capabilities; PCI Local Bus 3.0, 6.8.2 (MSI-X)
 */
import { type MmapArea, REGION, type RegionInfo } from '../backend.js';
import {
  errnoName,
  libc,
  MAP_SHARED,
  MMIO_FILE,
  type Mmio,
  mmioMissing,
  PAGE,
  PROT_READ,
  PROT_WRITE,
} from '../native.js';
import * as uapi from '../uapi.js';
import { type Causes, granted } from './refused.js';
import { Window } from './window.js';

const { FLAG, IOCTL, REGION_INFO } = uapi;

/** A region's offset in the device's fd is its index times this. */
export const REGION_SHIFT = 2 ** 40;

export interface MappedRegion {
  readonly info: RegionInfo;
  readonly windows: readonly Window[];
  unmap(): void;
}

/** What the kernel says, before anything is mapped. */
interface Told {
  readonly index: number;
  readonly size: number;
  readonly flags: number;
  readonly sparse: readonly MmapArea[] | undefined;
  readonly msixMappable: boolean;
}

const NAMES = Object.entries(REGION).map(([name, index]) => ({ name: name.toLowerCase(), index }));
const pages = (bytes: number): number => Math.ceil(bytes / PAGE) * PAGE;

/** All regions that exist; mapped with `mmio` where the kernel allows it, but for pages that hold the MSI-X table. */
export function openRegions(fd: number, path: string, count: number, mmio: Mmio | undefined): MappedRegion[] {
  const config = new Config(fd, path);
  const opened: MappedRegion[] = [];
  try {
    for (const { name, index } of NAMES) {
      const told = index < count ? ask(fd, `${path}/${name}`, index) : undefined;
      if (told === undefined || told.size === 0) continue;
      const mappable = (told.flags & FLAG.VFIO_REGION_INFO_FLAG_MMAP) !== 0 ? areas(told, config) : [];
      if (mappable.length > 0 && !mmio) tellOnce();
      const windows = mmio ? mappable.map((area) => window(fd, `${path}/${name}`, told, area, mmio)) : [];
      opened.push({
        info: {
          index,
          name,
          size: told.size,
          readable: (told.flags & FLAG.VFIO_REGION_INFO_FLAG_READ) !== 0,
          writable: (told.flags & FLAG.VFIO_REGION_INFO_FLAG_WRITE) !== 0,
          mapped: windows.map(({ first, end }) => ({ offset: first, size: end - first })),
          io: index <= REGION.BAR5 && (config.read(0x10 + 4 * index, 4) & 1) === 1,
        },
        windows,
        unmap: () => {
          for (const { at, first, end } of windows) libc().munmap(at, pages(end - first));
        },
      });
    }
  } catch (error) {
    for (const region of opened) region.unmap();
    throw error;
  }
  return opened;
}

/** VFIO_DEVICE_GET_REGION_INFO; undefined where the device has no such region (VGA). */
function ask(fd: number, path: string, index: number): Told | undefined {
  const attempted = 'VFIO_DEVICE_GET_REGION_INFO';
  let bytes = REGION_INFO.pack({ index });
  let result = libc().ioctl(fd, IOCTL.VFIO_DEVICE_GET_REGION_INFO, bytes);
  if (result < 0 && errnoName(-result) === 'EINVAL' && index === REGION.VGA) return undefined;
  granted(result, path, attempted);
  const { argsz } = REGION_INFO.unpack(bytes);
  if (argsz > bytes.length) {
    // Capabilities follow that did not fit.
    bytes = REGION_INFO.pack({ index }, new Uint8Array(argsz - bytes.length));
    result = libc().ioctl(fd, IOCTL.VFIO_DEVICE_GET_REGION_INFO, bytes);
    granted(result, path, attempted);
  }
  const info = REGION_INFO.unpack(bytes);
  return { index, size: Number(info.size), flags: info.flags, ...capabilities(bytes, info) };
}

/** Every capability counts, not the first alone. Exported for its test. */
export function capabilities(
  bytes: Uint8Array,
  info: { readonly flags: number; readonly cap_offset: number },
): { sparse: readonly MmapArea[] | undefined; msixMappable: boolean } {
  let sparse: MmapArea[] | undefined;
  let msixMappable = false;
  if ((info.flags & FLAG.VFIO_REGION_INFO_FLAG_CAPS) !== 0) {
    for (const { id, at } of uapi.capabilities(bytes, info.cap_offset)) {
      if (id === FLAG.VFIO_REGION_INFO_CAP_MSIX_MAPPABLE) msixMappable = true;
      if (id !== FLAG.VFIO_REGION_INFO_CAP_SPARSE_MMAP) continue;
      const { nr_areas } = uapi.CAP_SPARSE_MMAP.unpack(bytes, at);
      const found = uapi.entries(bytes, at, uapi.CAP_SPARSE_MMAP, uapi.SPARSE_AREA, nr_areas);
      sparse = found.map(({ offset, size }) => ({ offset: Number(offset), size: Number(size) }));
    }
  }
  return { sparse, msixMappable };
}

/** What may be mapped of a region: its sparse areas, else all of it, less the MSI-X table where the kernel guards that. */
function areas(told: Told, config: Config): MmapArea[] {
  const whole = told.sparse ?? [{ offset: 0, size: told.size }];
  const table = told.msixMappable ? undefined : config.msixTable();
  return table?.bar === told.index ? whole.flatMap((area) => without(area, table)) : [...whole];
}

/** The area less the pages that `hole` touches. Exported for its test. */
export function without(area: MmapArea, hole: MmapArea): MmapArea[] {
  const end = area.offset + area.size;
  const holeStart = Math.floor(hole.offset / PAGE) * PAGE;
  const holeEnd = pages(hole.offset + hole.size);
  if (holeEnd <= area.offset || holeStart >= end) return [area];
  return [
    { offset: area.offset, size: holeStart - area.offset },
    { offset: holeEnd, size: end - holeEnd },
  ].filter(({ size }) => size > 0);
}

const MMAP_CAUSES: Causes = {
  ENOMEM: ['no address space is left for it', 'raise the limit: ulimit -v unlimited'],
};

function window(fd: number, path: string, told: Told, { offset, size }: MmapArea, mmio: Mmio): Window {
  const readable = (told.flags & FLAG.VFIO_REGION_INFO_FLAG_READ) !== 0 ? PROT_READ : 0;
  const writable = (told.flags & FLAG.VFIO_REGION_INFO_FLAG_WRITE) !== 0 ? PROT_WRITE : 0;
  const place = told.index * REGION_SHIFT + offset;
  // A BAR smaller than a page is mapped as a page; only its own bytes are used.
  const at = libc().mmap(0, pages(size), readable | writable, MAP_SHARED, fd, place);
  granted(at, `${path}+0x${offset.toString(16)}`, 'mmap', MMAP_CAUSES);
  return new Window(mmio, at, offset, size);
}

/** Config space, as far as regions need it: through the fd, where the kernel answers for the BARs. */
class Config {
  readonly #fd: number;
  readonly #path: string;
  readonly #bytes = new DataView(new ArrayBuffer(4));

  constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  read(offset: number, size: 1 | 2 | 4): number {
    this.#bytes.setUint32(0, 0);
    const place = REGION.CONFIG * REGION_SHIFT + offset;
    const result = libc().pread(this.#fd, new Uint8Array(this.#bytes.buffer), size, place);
    granted(result, `${this.#path}/config+0x${offset.toString(16)}`, 'pread');
    return this.#bytes.getUint32(0, true);
  }

  /** Where the MSI-X table is. A list of capabilities that loops ends after as many as fit. */
  msixTable(): (MmapArea & { readonly bar: number }) | undefined {
    const hasList = (this.read(0x06, 2) & 0x10) !== 0;
    let at = hasList ? this.read(0x34, 1) & 0xfc : 0;
    for (let seen = 0; at >= 0x40 && seen < 48; seen++) {
      if (this.read(at, 1) === 0x11) {
        const vectors = (this.read(at + 2, 2) & 0x7ff) + 1;
        const table = this.read(at + 4, 4);
        return { bar: table & 7, offset: table - (table & 7), size: vectors * 16 };
      }
      at = this.read(at + 1, 1) & 0xfc;
    }
    return undefined;
  }
}

let told = false;

function tellOnce(): void {
  if (told) return;
  told = true;
  process.stderr.write(
    `vfiolab: BARs are not mapped, every access is a system call and 64-bit ones are refused: ${mmioMissing() ?? MMIO_FILE}. ` +
      'Build it: npm run build (a C compiler: sudo apt-get install gcc)\n',
  );
}
