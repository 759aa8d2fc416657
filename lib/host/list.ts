/**
 * The PCI functions of this host as the kernel's sysfs tells them, and whether VFIO can open each. Nothing here touches a card: only
 * attributes that the kernel has cached are read, never `config`.
 *
 * Ref: Linux Documentation/ABI/testing/sysfs-bus-pci, Documentation/driver-api/vfio.rst
 */
import { inspect } from 'node:util';
import { type CellLike, VIEW, View, type Viewable } from '../view.js';
import { blocks, DEVICES, groupMembers, groupOf, isVfioDriver, ownNode } from './group.js';
import { HOST, type Host } from './host.js';
import { driverFinder } from './modules.js';
import { interfaceFinder, usesFinder } from './use.js';

/** One PCI function. Numbers are as config space has them. */
export interface PciFunction {
  /** Domain (four digits or more), bus, device, function: '0000:03:00.0', '10001:80:05.0'. */
  readonly bdf: string;
  /** The 24-bit class code: base class, subclass, programming interface. */
  readonly class: number;
  readonly baseClassName?: string | undefined;
  readonly className?: string | undefined;
  readonly vendor: number;
  readonly vendorName?: string | undefined;
  readonly device: number;
  readonly deviceName?: string | undefined;
  readonly subsystemVendor?: number | undefined;
  readonly subsystemDevice?: number | undefined;
  readonly revision: number;
  /** The driver it is bound to, if any. */
  readonly driver?: string | undefined;
  /** Other drivers that know it, by their modules' names, and vfio-pci where that is loaded. */
  readonly unused: readonly string[];
  /** The IOMMU group's number; absent where no IOMMU is on. */
  readonly group?: number | undefined;
  /** The NUMA node; absent where the kernel knows none. */
  readonly numa?: number | undefined;
  /** Its network interfaces. */
  readonly interfaces: readonly string[];
  /** What the host uses it for now: 'eth0 is up', 'sda1 is mounted on /'. Empty: it can be taken. */
  readonly uses: readonly string[];
  readonly vfio: VfioState;
}

/** Whether `open()` would get at a function, and what is missing where not. */
export interface VfioState {
  readonly usable: boolean;
  /** In words: 'ready', 'bound to e1000e', 'no IOMMU group', 'group shared with 0000:00:1f.3 (snd_hda_intel)'. */
  readonly reason: string;
}

const BRIDGE = 0x06;

export const isBridge = (one: { readonly class: number }): boolean => one.class >> 16 === BRIDGE;

/** The functions of a host: an array that shows itself as a table, by classes. */
export class PciFunctions extends Array<PciFunction> implements Viewable {
  /** What is made from it (`map`) is a plain array. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  [VIEW](): View {
    return listView(this);
  }

  [inspect.custom](depth: number, options: { readonly colors?: boolean }): string {
    return listView(this)[inspect.custom](depth, options);
  }
}

/**
 * All PCI functions of this host, in BDF order, as a table to look at and an array to go through. Reads what the kernel has cached of
 * them and touches no card. Empty where the kernel shows no PCI bus.
 *
 * @example list().filter((one) => one.vfio.usable).map((one) => one.bdf)
 */
export function list(host: Host = HOST): PciFunctions {
  const know = finders(host);
  const found = host.names(DEVICES).flatMap((bdf) => readFunction(bdf, host, know) ?? []);
  return PciFunctions.from(found.sort((a, b) => order(a.bdf, b.bdf))) as PciFunctions;
}

const finders = (host: Host) => ({
  drivers: driverFinder(host),
  uses: usesFinder(host),
  interfaces: interfaceFinder(host),
  vfio: host.exists('/sys/bus/pci/drivers/vfio-pci'),
});

/** Undefined where the function has gone since the folder was listed. */
function readFunction(bdf: string, host: Host, know: ReturnType<typeof finders>): PciFunction | undefined {
  const attribute = (name: string) => host.number(`${DEVICES}/${bdf}/${name}`);
  const code = attribute('class');
  const vendor = attribute('vendor');
  const device = attribute('device');
  const revision = attribute('revision');
  if (code === undefined || vendor === undefined || device === undefined || revision === undefined) return undefined;
  const driver = host.name(`${DEVICES}/${bdf}/driver`);
  const numa = attribute('numa_node');
  const group = groupOf(bdf, host);
  const able = know.drivers(host.text(`${DEVICES}/${bdf}/modalias`) ?? '');
  if (know.vfio && !isBridge({ class: code })) able.push('vfio-pci');
  return {
    bdf,
    class: code,
    baseClassName: host.ids.baseClass(code >> 16),
    className: host.ids.className(code),
    vendor,
    vendorName: host.ids.vendor(vendor),
    device,
    deviceName: host.ids.device(vendor, device),
    subsystemVendor: attribute('subsystem_vendor'),
    subsystemDevice: attribute('subsystem_device'),
    revision,
    driver,
    unused: able.filter((module) => module.replaceAll('_', '-') !== driver?.replaceAll('_', '-')),
    group,
    numa: numa === undefined || numa < 0 ? undefined : numa,
    interfaces: know.interfaces(bdf),
    uses: know.uses(bdf).map(({ what }) => what),
    vfio: vfioState({ bdf, class: code, driver, group }, host),
  };
}

type Seen = Pick<PciFunction, 'bdf' | 'class' | 'driver' | 'group'>;

function vfioState(one: Seen, host: Host): VfioState {
  const no = (reason: string): VfioState => ({ usable: false, reason });
  if (isBridge(one) && !isVfioDriver(one.driver)) return no('a bridge');
  if (one.group === undefined) return no('no IOMMU group');
  if (!isVfioDriver(one.driver)) return no(one.driver === undefined ? 'no driver' : `bound to ${one.driver}`);
  const others = groupMembers(one.group, host).filter((member) => blocks(member.driver));
  if (others.length > 0) return no(`group shared with ${others.map((o) => `${o.bdf} (${o.driver})`).join(', ')}`);
  const node = `/dev/vfio/${one.group}`;
  const own = ownNode(one.bdf, host);
  if (host.may(node) || (own !== undefined && host.may('/dev/iommu') && host.may(own)))
    return { usable: true, reason: 'ready' };
  return no(host.exists(node) ? `no permission for ${node}` : `there is no ${node}`);
}

/** The list as a picture: by base classes, in the order of their first function. */
export function listView(functions: readonly PciFunction[]): View {
  const usable = functions.filter((one) => one.vfio.usable).length;
  const groups = [...new Set(functions.map(classGroup))];
  const rows = groups.flatMap((group): CellLike[][] => [
    [{ text: `${group}:`, tone: 'value' }],
    ...functions.filter((one) => classGroup(one) === group).map(row),
  ]);
  return new View(
    `${functions.length} PCI functions, ${usable || 'none'} usable with VFIO${why(functions)}`,
    ['BDF', 'Class', 'ID', 'Name', 'Driver', 'Unused', 'Group', 'NUMA', 'VFIO', ''],
    rows,
  );
}

const classGroup = (one: PciFunction): string => one.baseClassName ?? `Class ${hex(one.class >> 16, 2)}`;

function row(one: PciFunction): CellLike[] {
  return [
    { text: one.bdf, tone: 'name' },
    one.className ?? hex(one.class, 6),
    { text: `${hex(one.vendor, 4)}:${hex(one.device, 4)}`, tone: 'value' },
    [one.vendorName, one.deviceName].filter((name) => name !== undefined).join(' ') || '-',
    one.driver ?? '-',
    { text: one.unused.join(',') || '-', tone: 'dim' },
    { text: String(one.group ?? '-'), align: 'right' },
    { text: String(one.numa ?? '-'), align: 'right' },
    { text: one.vfio.reason, tone: one.vfio.usable ? 'good' : 'dim' },
    one.uses.length > 0 ? { text: `*Active* ${one.uses.join(', ')}`, tone: 'warn' } : one.interfaces.join(' '),
  ];
}

/** What is missing on the host as a whole. */
function why(functions: readonly PciFunction[]): string {
  if (functions.length === 0) return '; /sys/bus/pci shows no device';
  if (functions.some((one) => one.group !== undefined)) return '';
  return '; no IOMMU is on: `vfiolab doctor` tells how to have one';
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
