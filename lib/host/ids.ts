/**
 * Names of vendors, devices and classes, from the pci.ids file that the system has (packages pci.ids or hwdata). Without one there
 * are no names, only numbers: nothing is made up.
 *
 * Ref: https://pci-ids.ucw.cz, the comment at the head of the file
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILES = [
  '/usr/share/misc/pci.ids',
  '/usr/share/hwdata/pci.ids',
  '/usr/share/pci.ids',
  '/var/lib/pciutils/pci.ids',
];

/** Looks names up; `undefined` where the file has none. */
export interface PciIds {
  vendor(vendor: number): string | undefined;
  device(vendor: number, device: number): string | undefined;
  /** `code` is the 24-bit class code; the subclass's name where there is one, else the base class's. */
  className(code: number): string | undefined;
  subsystem(vendor: number, device: number, subVendor: number, subDevice: number): string | undefined;
  baseClass(base: number): string | undefined;
  subClass(base: number, sub: number): string | undefined;
  progIf(base: number, sub: number, progIf: number): string | undefined;
}

/** Reads the first of `files` below `root` that exists. */
export function readPciIds(files: readonly string[] = FILES, root = '/'): PciIds {
  return parsePciIds(readFirst(files.map((file) => join(root, file))));
}

let system: PciIds | undefined;

/** The system's names, read once in a process. */
export function systemNames(): PciIds {
  system ??= readPciIds();
  return system;
}

/** Keys are as the file nests them: '8086', '8086/100e', '8086/100e/1af4 1100', 'C 02', 'C 02/00', 'C 0c/03/30'. */
export function parsePciIds(text: string): PciIds {
  const names = new Map<string, string>();
  const path: string[] = [];
  for (const line of text.split('\n')) {
    const entry = /^(\t{0,2})(C [0-9a-f]{2}|[0-9a-f]{4} [0-9a-f]{4}|[0-9a-f]{2,4}) {2}(.*)$/.exec(line);
    if (!entry) continue;
    const [, { length: depth } = '', id = '', name = ''] = entry;
    path.length = depth;
    path.push(id);
    // A space at the end of a name belongs to it: lspci prints it too.
    names.set(path.join('/'), name.replace(/\r$/, ''));
  }
  return {
    vendor: (vendor) => names.get(hex(vendor, 4)),
    device: (vendor, device) => names.get(`${hex(vendor, 4)}/${hex(device, 4)}`),
    subsystem: (vendor, device, subVendor, subDevice) =>
      names.get(`${hex(vendor, 4)}/${hex(device, 4)}/${hex(subVendor, 4)} ${hex(subDevice, 4)}`),
    baseClass: (base) => names.get(`C ${hex(base, 2)}`),
    subClass: (base, sub) => names.get(`C ${hex(base, 2)}/${hex(sub, 2)}`),
    progIf: (base, sub, progIf) => names.get(`C ${hex(base, 2)}/${hex(sub, 2)}/${hex(progIf, 2)}`),
    className: (code) => {
      const base = `C ${hex(code >> 16, 2)}`;
      return names.get(`${base}/${hex((code >> 8) & 0xff, 2)}`) ?? names.get(base);
    },
  };
}

function readFirst(files: readonly string[]): string {
  for (const file of files) {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      // Absent or not readable: the next one.
    }
  }
  return '';
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
