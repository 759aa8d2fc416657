/** Headers whose numbers have names: drawn from pci.ids, and near misses. From a seed. */
import { readFileSync } from 'node:fs';
import { PCI_IDS } from './lspci.js';
import { type Random, random, slotOf } from './synthetic.js';

type Numbers = readonly [first: number, second: number, third: number, fourth: number];

/** Vendor, device, subsystem's vendor and device; base class, subclass, interface. Each with the names above it alone, too. */
function entries(): { readonly devices: readonly Numbers[]; readonly classes: readonly Numbers[] } {
  const devices: Numbers[] = [];
  const classes: Numbers[] = [];
  let [first, second] = [0, 0];
  let into = devices;
  for (const line of readFileSync(PCI_IDS, 'utf8').split('\n')) {
    const [, tabs = '', letter, one = '', two = '0'] =
      /^(\t{0,2})(C )?([0-9a-f]{2,4})(?: ([0-9a-f]{4}))? {2}/.exec(line) ?? [];
    if (one === '') continue;
    const [id, sub] = [Number.parseInt(one, 16), Number.parseInt(two, 16)];
    if (tabs === '') [first, second, into] = [id, 0, letter === undefined ? devices : classes];
    if (tabs === '\t') second = id;
    into.push(tabs === '\t\t' ? [first, second, id, sub] : [first, second, 0, 0]);
  }
  return { devices, classes };
}

/** `count` headers of all layouts. */
export function named(count: number, seed: number): { slot: string; bytes: Uint8Array }[] {
  const next = random(seed);
  const { devices, classes } = entries();
  const pick = (from: readonly Numbers[]): Numbers => from[next(from.length)] ?? [0, 0, 0, 0];
  return Array.from({ length: count }, (_, index) => ({
    slot: slotOf(index),
    bytes: one(next, pick(devices), pick(devices), pick(classes)),
  }));
}

function one(next: Random, device: Numbers, other: Numbers, [base, sub, progIf]: Numbers): Uint8Array {
  const bytes = new Uint8Array(256);
  const word = (offset: number, value: number) => bytes.set([value & 0xff, value >> 8], offset);
  const [vendor, chip, subVendor, subDevice] = device;
  word(0x00, vendor);
  word(0x02, chip);
  bytes.set(
    [next(3) === 0 ? 0 : next(256), progIf ^ (next(5) === 0 ? next(256) : 0), sub + (next(9) === 0 ? 1 : 0), base],
    0x08,
  );
  const layout = [0, 0, 0, 1, 2][next(5)] ?? 0;
  bytes[0x0e] = layout;
  const own = [
    [subVendor, subDevice],
    [other[0], other[1]],
    [vendor, chip],
    [subVendor, other[3]],
  ][next(4)] ?? [0, 0];
  const at = layout === 0 ? 0x2c : layout === 1 ? 0x44 : 0x40;
  if (layout === 1) {
    // A bridge has a capability for it.
    word(0x06, 0x10);
    bytes.set([0x40], 0x34);
    bytes.set([0x0d], 0x40);
  }
  word(at, own[0] ?? 0);
  word(at + 2, own[1] ?? 0);
  return bytes;
}
