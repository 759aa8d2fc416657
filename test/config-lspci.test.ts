/** Our text of a config space beside the newest lspci's, line for line. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CAPABILITIES } from '../lib/config/catalog.js';
import { type DumpedFunction, dumpText, listed, parseDump } from '../lib/config/dump.js';
import { HEADER_SIZE } from '../lib/config/space.js';
import { lspciText } from '../lib/config/text.js';
import { isFound, walk } from '../lib/config/walk.js';
import { readPciIds } from '../lib/host/ids.js';
import { compare, EXCUSED } from './config/difference.js';
import { hostile } from './config/fuzz.js';
import { lspciOf, PCI_IDS, pciutils, survivorsOf } from './config/lspci.js';
import { named } from './config/named.js';
import { random, slotOf, synthetic } from './config/synthetic.js';
import { needs } from './needs.js';

const DUMPS = join(import.meta.dirname, '..', '..', 'test', 'config', 'dumps');

/** What has been reached: the share of lspci's lines that are ours too, in percent. It only rises. */
const REACHED = { dumps: 100, synthetic: 100, hostile: 99.99 };
/** At most so many lines may be excused, in percent, by so many patterns. */
const EXCUSABLE = { share: 0.5, patterns: 10 };
/** The least that each capability occurs in the synthetic spaces. */
const LEAST = 20;

test('real dumps, line for line', needs('pciutils'), (t) => {
  t.diagnostic(pciutils('lspci', '--version').trim());
  const files = readdirSync(DUMPS).filter((name) => name.endsWith('.txt'));
  assert.ok(files.length > 0);
  const tally = new Tally();
  for (const name of files) {
    const dump = readFileSync(join(DUMPS, name), 'utf8');
    tally.add(parseDump(dump), lspciOf(dump));
  }
  tally.judge(t, REACHED.dumps);
});

test('real dumps as -x and -xxx write them, line for line', needs('pciutils'), (t) => {
  const tally = new Tally();
  for (const size of [64, 256]) {
    const files = readdirSync(DUMPS).map((name) => parseDump(readFileSync(join(DUMPS, name), 'utf8')));
    for (const file of files) {
      const functions = file.map(({ slot, bytes }) => ({ slot, bytes: bytes.slice(0, size) }));
      tally.add(functions, lspciOf(textOf(functions)));
    }
  }
  tally.judge(t, REACHED.dumps);
});

test('synthetic spaces with every capability, line for line', needs('pciutils'), (t) => {
  const functions = synthetic(400, 0x5eed);
  const seen = new Map<string, number>();
  for (const { bytes } of functions) {
    for (const step of walk({ bytes, path: '' }).filter(isFound)) {
      seen.set(step.place.name, (seen.get(step.place.name) ?? 0) + 1);
    }
  }
  for (const { name } of CAPABILITIES)
    assert.ok((seen.get(name) ?? 0) >= LEAST, `${name}: ${seen.get(name) ?? 0} times`);
  const tally = new Tally();
  tally.add(functions, lspciOf(textOf(functions)));
  tally.judge(t, REACHED.synthetic);
});

test('spaces with bytes changed and cut off anywhere, line for line', needs('pciutils'), (t) => {
  const next = random(0xbad);
  const functions = Array.from({ length: 1200 }, (_, index) => ({ slot: slotOf(index), bytes: hostile(next) }));
  // Of less than a header lspci shows nothing at all.
  const shown = functions.filter(({ bytes }) => bytes.length >= HEADER_SIZE);
  const tally = new Tally();
  tally.add(shown, survivorsOf(shown));
  tally.judge(t, REACHED.hostile);
});

test('names of devices, subsystems and classes out of pci.ids, line for line', needs('pciutils'), (t) => {
  const tally = new Tally();
  const functions = named(2000, 0x1d5);
  tally.add(functions, lspciOf(textOf(functions)));
  tally.judge(t, REACHED.dumps);
});

test('order and names of functions, with domains, without, and with domain 0 only', needs('pciutils'), () => {
  const header = (index: number) =>
    Uint8Array.from({ length: 64 }, (_, at) => (at === 0x0e ? 0 : (index * 7 + at) & 0xff));
  for (const slots of [
    ['02:00.0', '00:1f.3', '00:1f.2', '01:0a.0'],
    ['0000:02:00.0', '0000:00:1f.3', '0000:00:02.0'],
    ['0001:02:00.0', '0000:03:00.0', '10000:e1:00.0', '0001:01:00.7'],
    ['0000:03:00.0', '02:00.0', '0002:00:00.0'],
  ]) {
    const dump = textOf(slots.map((slot, index) => ({ slot, bytes: header(index) })));
    const ours = listed(parseDump(dump));
    assert.deepEqual(
      ours.map(({ slot }) => slot),
      [...lspciOf(dump).keys()],
    );
    const tally = new Tally();
    tally.add(ours, lspciOf(dump));
    assert.equal(tally.share, 100);
  }
});

test('what is excused is a written list of reasons', () => {
  assert.ok(EXCUSED.length <= EXCUSABLE.patterns);
  for (const { pattern, reason } of EXCUSED) {
    assert.ok(reason.length > 20, `${pattern}`);
    for (const { title } of CAPABILITIES)
      assert.doesNotMatch(`+\tCapabilities: [40] ${title}`, pattern, 'no capability as a whole');
  }
});

const textOf = (functions: readonly DumpedFunction[]): string =>
  functions.map(({ slot, bytes }) => dumpText(slot, bytes)).join('');

/** How many lines are the same, and what the others are like. */
class Tally {
  readonly #names = readPciIds([PCI_IDS]);
  readonly #kinds = new Map<string, { count: number; example: string }>();
  #lines = 0;
  #same = 0;
  #excused = 0;

  /** Of a function that ended lspci, `theirs` has less than all lines: `undefined` stands where it gave up. */
  add(functions: readonly DumpedFunction[], theirs: ReadonlyMap<string, readonly (string | undefined)[]>): void {
    for (const { slot, bytes } of functions) {
      const told = theirs.get(slot) ?? [];
      const lines = told.filter((line) => line !== undefined);
      const ours = lspciText(bytes, { slot, names: this.#names }).trimEnd().split('\n');
      const result = compare(lines, told.includes(undefined) ? ours.slice(0, lines.length) : ours);
      this.#lines += result.lines;
      this.#same += result.same;
      this.#excused += result.excused;
      for (const line of result.different) this.#note(slot, line);
    }
  }

  #note(slot: string, line: string): void {
    const kind = line.replace(/(?<=.)(\b(0x)?[0-9a-f]{2,}\b|[0-9]+)/g, '#').replace(/(?<=\w)[+-]/g, '±');
    const { count, example } = this.#kinds.get(kind) ?? { count: 0, example: `${slot} ${line}` };
    this.#kinds.set(kind, { count: count + 1, example });
  }

  get share(): number {
    return (100 * this.#same) / this.#lines;
  }

  /** Prints the share of identical lines, and what differs. */
  judge(t: { diagnostic(text: string): void }, reached: number): void {
    const { share } = this;
    t.diagnostic(
      `${this.#same} of ${this.#lines} lines identical: ${share.toFixed(3)} %; ${this.#excused} excused by ${EXCUSED.length} patterns`,
    );
    const most = [...this.#kinds.values()].sort((a, b) => b.count - a.count);
    for (const { count, example } of most.slice(0, Number(process.env.VFIOLAB_TEST_LINES ?? 12))) {
      t.diagnostic(`${count} like ${example}`);
    }
    assert.ok(this.#lines > 0 && share >= reached, `${share} % of the lines`);
    assert.ok((100 * this.#excused) / this.#lines <= EXCUSABLE.share);
  }
}
