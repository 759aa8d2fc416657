/**
 * The PCI functions of this host as the kernel's sysfs tells them, and whether VFIO can open each. Nothing here touches a card: only
 * attributes that the kernel has cached are read, never `config`.
 *
 * Ref: Linux Documentation/ABI/testing/sysfs-bus-pci, Documentation/driver-api/vfio.rst
 */
import { accessSync, constants, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type CellLike, View } from '../view.js';
import { type PciIds, readPciIds } from './ids.js';

/** One PCI function. Numbers are as config space has them. */
export interface PciFunction {
  /** Domain (four digits or more), bus, device, function: '0000:03:00.0', '10001:80:05.0'. */
  readonly bdf: string;
  /** The 24-bit class code: base class, subclass, programming interface. */
  readonly class: number;
  readonly className?: string | undefined;
  readonly vendor: number;
  readonly vendorName?: string | undefined;
  readonly device: number;
  readonly deviceName?: string | undefined;
  readonly revision: number;
  /** The driver it is bound to, if any. */
  readonly driver?: string | undefined;
  /** The IOMMU group's number; absent where no IOMMU is on. */
  readonly group?: number | undefined;
  /** The NUMA node; absent where the kernel knows none. */
  readonly numa?: number | undefined;
  readonly vfio: VfioState;
}

/** Whether `open()` would get at a function, and what is missing where not. */
export interface VfioState {
  readonly usable: boolean;
  /** In words: 'ready', 'bound to e1000e', 'no IOMMU group', 'group shared with 0000:00:1f.3 (snd_hda_intel)'. */
  readonly reason: string;
}

/** Where the kernel's trees are; tests put others there. */
export interface HostRoots {
  readonly sys?: string;
  readonly dev?: string;
  readonly ids?: PciIds;
}

/** Drivers that leave a group viable, beside vfio-pci itself. Ref: drivers/vfio: vfio_dev_viable, driver_managed_dma */
const HARMLESS = ['vfio-pci', 'pci-stub', 'pcieport', 'shpchp'];
const BRIDGE = 0x06;

/**
 * All PCI functions of this host, in BDF order. An empty list means that the kernel shows no PCI bus.
 *
 *     for (const f of listPci()) console.log(f.bdf, f.driver, f.vfio.reason);
 */
export function listPci(roots: HostRoots = {}): PciFunction[] {
  const { sys = '/sys', dev = '/dev', ids = readPciIds() } = roots;
  const devices = join(sys, 'bus/pci/devices');
  const found = names(devices).flatMap((bdf) => readFunction(join(devices, bdf), bdf, ids) ?? []);
  return found.map((one) => ({ ...one, vfio: vfioState(one, found, dev) })).sort((a, b) => order(a.bdf, b.bdf));
}

type Seen = Omit<PciFunction, 'vfio'>;

/** Undefined where the function has gone since the folder was listed. */
function readFunction(folder: string, bdf: string, ids: PciIds): Seen | undefined {
  const code = attribute(folder, 'class');
  const vendor = attribute(folder, 'vendor');
  const device = attribute(folder, 'device');
  const revision = attribute(folder, 'revision');
  if (code === undefined || vendor === undefined || device === undefined || revision === undefined) return undefined;
  const group = link(folder, 'iommu_group');
  const numa = attribute(folder, 'numa_node');
  return {
    bdf,
    class: code,
    className: ids.className(code),
    vendor,
    vendorName: ids.vendor(vendor),
    device,
    deviceName: ids.device(vendor, device),
    revision,
    driver: link(folder, 'driver'),
    group: group === undefined ? undefined : Number(group),
    numa: numa === undefined || numa < 0 ? undefined : numa,
  };
}

function vfioState(one: Seen, all: readonly Seen[], dev: string): VfioState {
  const no = (reason: string): VfioState => ({ usable: false, reason });
  if (one.class >> 16 === BRIDGE && one.driver !== 'vfio-pci') return no('a bridge');
  if (one.group === undefined) return no('no IOMMU group');
  if (one.driver !== 'vfio-pci') return no(one.driver === undefined ? 'no driver' : `bound to ${one.driver}`);
  const others = all.filter(
    (other) => other.group === one.group && other.driver !== undefined && !HARMLESS.includes(other.driver),
  );
  if (others.length > 0) return no(`group shared with ${others.map((o) => `${o.bdf} (${o.driver})`).join(', ')}`);
  const node = join(dev, 'vfio', String(one.group));
  try {
    accessSync(node, constants.R_OK | constants.W_OK);
  } catch {
    return no(`no permission for ${node}`);
  }
  return { usable: true, reason: 'ready' };
}

/** The list as a picture. */
export function listView(functions: readonly PciFunction[]): View {
  const usable = functions.filter((one) => one.vfio.usable).length;
  const rows = functions.map((one): CellLike[] => [
    { text: one.bdf, tone: 'name' },
    one.className ?? hex(one.class, 6),
    { text: `${hex(one.vendor, 4)}:${hex(one.device, 4)}`, tone: 'value' },
    [one.vendorName, one.deviceName].filter((name) => name !== undefined).join(' ') || '-',
    one.driver ?? '-',
    { text: String(one.group ?? '-'), align: 'right' },
    { text: String(one.numa ?? '-'), align: 'right' },
    { text: one.vfio.reason, tone: one.vfio.usable ? 'good' : 'dim' },
  ]);
  return new View(
    `${functions.length} PCI functions, ${usable || 'none'} usable with VFIO${why(functions)}`,
    ['BDF', 'Class', 'ID', 'Name', 'Driver', 'Group', 'NUMA', 'VFIO'],
    rows,
  );
}

/** What is missing on the host as a whole. */
function why(functions: readonly PciFunction[]): string {
  if (functions.length === 0) return '; /sys/bus/pci shows no device';
  if (functions.some((one) => one.group !== undefined)) return '';
  return '; no IOMMU is on: enable VT-d or AMD-Vi in the firmware and boot with intel_iommu=on on Intel';
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The attribute's number ('0x8086', '-1'), or undefined where there is none. */
function attribute(folder: string, name: string): number | undefined {
  try {
    const value = Number(readFileSync(join(folder, name), 'utf8').trim());
    return Number.isNaN(value) ? undefined : value;
  } catch {
    return undefined;
  }
}

/** What the symbolic link points at, its last part. */
function link(folder: string, name: string): string | undefined {
  try {
    return basename(readlinkSync(join(folder, name)));
  } catch {
    return undefined;
  }
}

/** By number: domain 10001 comes after ffff. */
function order(a: string, b: string): number {
  const parts = (bdf: string) => bdf.split(/[:.]/).map((part) => Number.parseInt(part, 16));
  const [left, right] = [parts(a), parts(b)];
  for (const [at, value] of left.entries()) {
    const difference = value - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
