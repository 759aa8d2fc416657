/** Names for a function's numbers, and how lspci puts them. */
import type { Header } from './header.js';
import { fits, type Space, wordAt } from './space.js';
import { SSVID } from './small.js';
import { findStandard } from './pointers.js';
import { hex } from './words.js';

/** Looks names up; `undefined` where there is none. lib/host/ids.ts reads them from the system's pci.ids. */
export interface Names {
  vendor(vendor: number): string | undefined;
  device(vendor: number, device: number): string | undefined;
  subsystem(vendor: number, device: number, subVendor: number, subDevice: number): string | undefined;
  baseClass(base: number): string | undefined;
  subClass(base: number, sub: number): string | undefined;
  progIf(base: number, sub: number, progIf: number): string | undefined;
}

const none = () => undefined;
export const NO_NAMES: Names = {
  vendor: none,
  device: none,
  subsystem: none,
  baseClass: none,
  subClass: none,
  progIf: none,
};

/** 'Ethernet controller: Intel Corporation 82574L Gigabit Network Connection (rev 03)'. */
export function firstLine(header: Header, names: Names): string {
  const { BASE_CLASS: base, SUB_CLASS: sub, PROG_IF: progIf, REVISION_ID: revision } = header;
  const progIfName = names.progIf(base, sub, progIf) ?? ideText(base, sub, progIf);
  return [
    `${classText(base, sub, names)}: ${deviceText(header.VENDOR_ID, header.DEVICE_ID, names)}`,
    ...(revision === 0 ? [] : [`(rev ${hex(revision, 2)})`]),
    ...(progIf === 0 && progIfName === undefined
      ? []
      : [`(prog-if ${hex(progIf, 2)}${progIfName === undefined ? '' : ` [${progIfName}]`})`]),
  ].join(' ');
}

/** What an IDE controller's interface byte says of its channels, where it has no name as a whole. Ref: PCI IDE Controller 1.0, 2.1 */
function ideText(base: number, sub: number, progIf: number): string | undefined {
  if (base !== 0x01 || sub !== 0x01 || (progIf & 0x70) !== 0) return undefined;
  const bits = { Master: 0x80, SecP: 0x08, SecO: 0x04, PriP: 0x02, PriO: 0x01 };
  return Object.entries(bits)
    .filter(([, bit]) => progIf & bit)
    .map(([name]) => name)
    .join(' ');
}

function classText(base: number, sub: number, names: Names): string {
  const code = hex((base << 8) | sub, 4);
  const name = names.subClass(base, sub);
  if (name !== undefined) return name;
  const baseName = names.baseClass(base);
  return baseName === undefined ? `Class ${code}` : `${baseName} [${code}]`;
}

function deviceText(vendor: number, device: number, names: Names): string {
  const vendorName = names.vendor(vendor);
  if (vendorName === undefined) return `Device ${hex(vendor, 4)}:${hex(device, 4)}`;
  return `${vendorName} ${names.device(vendor, device) ?? `Device ${hex(device, 4)}`}`;
}

/** Of a bridge, the capability's word; of others, the header's. Undefined where there is none: all-zeros, all-ones, past the bytes. */
export function subsystemText(space: Space, layout: number, names: Names): string | undefined {
  const at = subsystemOffset(space, layout);
  if (at === undefined) return undefined;
  const [vendor = NONE, device = NONE] = [at, at + 2].map((offset) =>
    fits(space, offset, 2) ? wordAt(space, offset, 16) : NONE,
  );
  return vendor === NONE || vendor === 0 ? undefined : subsystemName(space, vendor, device, names);
}

const NONE = 0xffff;

function subsystemOffset(space: Space, layout: number): number | undefined {
  if (layout === 0) return 0x2c;
  if (layout === 2) return 0x40;
  const offset = findStandard(space, SSVID.id);
  return offset === undefined ? undefined : offset + SSVID.registers.VENDOR_ID.offset;
}

export function subsystemName(space: Space, vendor: number, device: number, names: Names): string {
  const vendorName = names.vendor(vendor);
  if (vendorName === undefined) return `Device ${hex(vendor, 4)}:${hex(device, 4)}`;
  const [chipVendor, chip] = [wordAt(space, 0, 16), wordAt(space, 2, 16)];
  const same = vendor === chipVendor && device === chip ? names.device(vendor, device) : undefined;
  // lspci finds no name of a subsystem of a device 0000.
  const own = (chip === 0 ? undefined : names.subsystem(chipVendor, chip, vendor, device)) ?? same;
  return `${vendorName} ${own ?? `Device ${hex(device, 4)}`}`;
}
