/**
 * A machine for the tests of lib/host: a tree of files made from a table, below a folder of its own, and a kernel that answers
 * writes to sysfs as Linux does. (What Linux really answers is asked in the guest: test/vm/inside/host.ts.)
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { after } from 'node:test';
import { Host } from '../../lib/host/host.js';
import { type PciIds, parsePciIds } from '../../lib/host/ids.js';

export const IDS: PciIds = parsePciIds(`# pci.ids
1234  Technical Corp.
\t11e8  QEMU edu
\t\t1af4 1100  a subsystem, not a device
8086  Intel Corporation
\t100e  82540EM Gigabit Ethernet Controller
C 00  Unclassified device
C 01  Mass storage controller
\t08  Non-Volatile memory controller
C 02  Network controller
\t00  Ethernet controller
C 04  Multimedia controller
\t03  Audio device
C 06  Bridge
C ff  Unassigned class
\t00  a subclass
\t\t01  a programming interface
`);

export interface Card {
  readonly id: readonly [vendor: string, device: string];
  readonly class: string;
  /** The driver that has it now. */
  readonly driver?: string;
  /** The driver that the kernel would give it to; default: the one it has. */
  readonly natural?: string;
  readonly group?: number;
  /** More attributes: name to text. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface Machine {
  readonly cards?: Readonly<Record<string, Card>>;
  /** Any other files: path to text. */
  readonly files?: Readonly<Record<string, string>>;
  /** Symbolic links: path to the path they lead to, both from '/'. */
  readonly links?: Readonly<Record<string, string>>;
  /** Registered PCI drivers beside those that have a card; default vfio-pci. */
  readonly drivers?: readonly string[];
  /** Devices that vfio-pci does not take. */
  readonly refused?: readonly string[];
  /** What this process may not open, although it is there. */
  readonly denied?: readonly string[];
  readonly ids?: PciIds;
}

export const EDU: Card = { id: ['0x1234', '0x11e8'], class: '0x00ff00' };
export const NIC: Card = { id: ['0x8086', '0x100e'], class: '0x020000' };
export const DISK: Card = { id: ['0x1b36', '0x0010'], class: '0x010802' };
export const BRIDGE: Card = { id: ['0x1b36', '0x000c'], class: '0x060400' };

export const INTEL = 'processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vme\n';
export const AMD = 'processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu vme\n';
export const ARM = 'processor\t: 0\nCPU implementer\t: 0x41\n';
export const ROOT = 'Name:\tnode\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n';
export const ALICE = 'Name:\tnode\nUid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n';

/** A host on which nothing is wrong, but for what a test adds or takes. */
const HEALTHY: Readonly<Record<string, string>> = {
  '/proc/cpuinfo': INTEL,
  '/proc/cmdline': 'quiet',
  '/proc/interrupts': ' 24: 0 IR-PCI-MSI-0000:00:1f.2 0-edge ahci',
  '/proc/self/status': ROOT,
  '/proc/self/limits': 'Max locked memory         8388608              8388608              bytes\n',
  '/proc/sys/kernel/osrelease': '6.1.0',
  '/proc/self/mountinfo': '',
  '/etc/passwd': 'root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n',
  '/dev/vfio/vfio': '',
  '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages': '16',
  '/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages': '16',
  '/sys/bus/pci/drivers_probe': '',
  '/sys/bus/pci/rescan': '',
};

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-host-'));
after(() => rmSync(folder, { recursive: true }));
let count = 0;

/** Where the card is, really; /sys/bus/pci/devices links there. */
export const placeOf = (bdf: string): string => `/sys/devices/pci0000:00/${bdf}`;

export class MadeHost extends Host {
  readonly machine: Machine;
  /** What was written and run, in order. */
  readonly acts: string[] = [];

  constructor(machine: Machine) {
    super(join(folder, `${++count}`), machine.ids ?? IDS);
    this.machine = machine;
    mkdirSync(this.root);
    for (const [path, text] of Object.entries({ ...HEALTHY, ...machine.files })) this.make(path, text);
    for (const driver of machine.drivers ?? ['vfio-pci']) this.#register(driver);
    for (const [bdf, card] of Object.entries(machine.cards ?? {})) this.#plug(bdf, card);
    for (const [path, target] of Object.entries(machine.links ?? {})) this.lead(path, target);
  }

  make(path: string, text: string): void {
    mkdirSync(dirname(this.#on(path)), { recursive: true });
    writeFileSync(this.#on(path), text);
  }

  /** A relative link, as sysfs makes them. */
  lead(path: string, target: string): void {
    mkdirSync(dirname(this.#on(path)), { recursive: true });
    symlinkSync(relative(dirname(this.#on(path)), this.#on(target)), this.#on(path));
  }

  drop(path: string): void {
    rmSync(this.#on(path), { recursive: true, force: true });
  }

  override may(path: string): boolean {
    return super.may(path) && !(this.machine.denied ?? []).includes(path);
  }

  override write(path: string, text: string, folders = false): void {
    this.acts.push(`${text.trimEnd()} >${path}`);
    super.write(path, text, folders);
    // What sysfs holds is what was written last, not what was there beyond its end.
    truncateSync(this.#on(path), text.length);
    this.#answer(path, text.trim());
  }

  override run(argv: readonly string[]): void {
    this.acts.push(argv.join(' '));
    if (argv[0] === 'modprobe' && argv[1]) this.#register(argv[1]);
  }

  /** What Linux does when sysfs is written to. Ref: drivers/pci/pci-driver.c, drivers/base/bus.c */
  #answer(path: string, text: string): void {
    if (path.endsWith('/driver/unbind')) this.drop(`${placeOf(text)}/driver`);
    else if (path === '/sys/bus/pci/drivers_probe') {
      const override = this.text(`${placeOf(text)}/driver_override`);
      const card = this.machine.cards?.[text];
      const driver = override || (card?.natural ?? card?.driver);
      if (driver) this.#attach(text, driver);
    } else if (path.startsWith('/sys/bus/pci/drivers/')) this.#attach(text, path.split('/')[5] ?? '');
  }

  #attach(bdf: string, driver: string): void {
    if (this.name(`${placeOf(bdf)}/driver`) !== undefined || !this.exists(`/sys/bus/pci/drivers/${driver}`)) return;
    if (driver === 'vfio-pci' && (this.machine.refused ?? []).includes(bdf)) return;
    this.lead(`${placeOf(bdf)}/driver`, `/sys/bus/pci/drivers/${driver}`);
    if (driver !== 'vfio-pci') return;
    const group = this.name(`${placeOf(bdf)}/iommu_group`);
    if (group !== undefined) this.make(`/dev/vfio/${group}`, '');
  }

  #register(driver: string): void {
    for (const file of ['bind', 'unbind']) this.make(`/sys/bus/pci/drivers/${driver}/${file}`, '');
  }

  #plug(bdf: string, card: Card): void {
    const [vendor, device] = card.id;
    const attributes = { vendor, device, class: card.class, revision: '0x10', numa_node: '-1', driver_override: '' };
    for (const [name, text] of Object.entries({ ...attributes, ...card.files }))
      this.make(`${placeOf(bdf)}/${name}`, `${text}\n`);
    this.lead(`/sys/bus/pci/devices/${bdf}`, placeOf(bdf));
    if (card.group !== undefined) {
      mkdirSync(this.#on(`/sys/kernel/iommu_groups/${card.group}`), { recursive: true });
      this.lead(`${placeOf(bdf)}/iommu_group`, `/sys/kernel/iommu_groups/${card.group}`);
      this.lead(`/sys/kernel/iommu_groups/${card.group}/devices/${bdf}`, placeOf(bdf));
    }
    if (card.driver !== undefined) {
      this.#register(card.driver);
      this.#attach(bdf, card.driver);
    }
  }

  #on(path: string): string {
    return join(this.root, path);
  }
}

/** The files that were written, without the tree's root: what a dry run must leave as it is. */
export const state = (host: MadeHost, path: string): string | undefined => {
  const at = join(host.root, path);
  return existsSync(at) ? readFileSync(at, 'utf8') : undefined;
};

export const driverNow = (host: MadeHost, bdf: string): string | undefined => {
  const link = host.link(`${placeOf(bdf)}/driver`);
  return link === undefined ? undefined : basename(link);
};
