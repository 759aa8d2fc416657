/** Our text of a config space beside the newest lspci's, line for line. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dumpText, parseDump } from '../lib/config/dump.js';
import { lspciText } from '../lib/config/text.js';
import { readPciIds } from '../lib/host/ids.js';
import { compare, EXCUSED } from './config/difference.js';
import { lspciOf, PCI_IDS, pciutils } from './config/lspci.js';
import { synthetic } from './config/synthetic.js';
import { needs } from './needs.js';

const DUMPS = join(import.meta.dirname, '..', '..', 'test', 'config', 'dumps');

/** What has been reached: the share of lspci's lines that are ours too, in percent. It only rises. */
const REACHED = { dumps: 100, synthetic: 100 };

test('real dumps, line for line', needs('pciutils'), (t) => {
  t.diagnostic(pciutils('lspci', '--version').trim());
  const files = readdirSync(DUMPS).filter((name) => name.endsWith('.txt'));
  assert.ok(files.length > 0);
  const share = measure(
    t,
    files.map((name) => readFileSync(join(DUMPS, name), 'utf8')),
  );
  assert.ok(share >= REACHED.dumps, `${share} % of the lines`);
});

test('synthetic spaces, line for line', needs('pciutils'), (t) => {
  const dump = synthetic(400, 0x5eed)
    .map(({ slot, bytes }) => dumpText(slot, bytes))
    .join('');
  const share = measure(t, [dump]);
  assert.ok(share >= REACHED.synthetic, `${share} % of the lines`);
});

/** The share of identical lines in percent; prints it, and what differs. */
function measure(t: { diagnostic(text: string): void }, dumps: readonly string[]): number {
  const names = readPciIds([PCI_IDS]);
  const total = { lines: 0, same: 0, excused: 0 };
  const seen = new Map<string, { count: number; example: string }>();
  for (const dump of dumps) {
    const theirs = lspciOf(dump);
    for (const { slot, bytes } of parseDump(dump)) {
      const ours = lspciText(bytes, { slot, names }).trimEnd().split('\n');
      const result = compare(theirs.get(slot) ?? [], ours);
      total.lines += result.lines;
      total.same += result.same;
      total.excused += result.excused;
      for (const line of result.different) {
        const kind = line.replace(/(?<=.)(\b(0x)?[0-9a-f]{2,}\b|[0-9]+)/g, '#').replace(/(?<=\w)[+-]/g, '±');
        const { count, example } = seen.get(kind) ?? { count: 0, example: `${slot} ${line}` };
        seen.set(kind, { count: count + 1, example });
      }
    }
  }
  const share = (100 * total.same) / total.lines;
  t.diagnostic(
    `${total.same} of ${total.lines} lines identical: ${share.toFixed(2)} %; ${total.excused} excused by ${EXCUSED.length} patterns`,
  );
  const most = [...seen.values()].sort((a, b) => b.count - a.count);
  for (const { count, example } of most.slice(0, Number(process.env.VFIOLAB_TEST_LINES ?? 12))) {
    t.diagnostic(`${count} like ${example}`);
  }
  return share;
}
