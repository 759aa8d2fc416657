/** Config spaces: decoding a whole machine's beside lspci, which is timed from its start to its end. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeSpace } from '../../lib/config/describe.js';
import { dumpText, parseDump } from '../../lib/config/dump.js';
import { lspciText } from '../../lib/config/text.js';
import { readPciIds } from '../../lib/host/ids.js';
import { PCI_IDS, pciutils } from '../config/lspci.js';
import { root } from './floor.js';
import { interleave, looped } from './measure.js';
import type { Section } from './section.js';

const FUNCTIONS = 53;
const DUMPS = ['qemu.txt', 'qemu-cxl.txt'].map((name) => join(root, 'test', 'config', 'dumps', name));
const LSPCI = `lspci -F FILE -vvv: ${FUNCTIONS} functions, the whole process`;
const OURS = 'decode: data and text of them';

export const config: Section = {
  name: 'config',
  title: 'decoding config spaces',
  rounds: 30,
  aims: [{ figure: OURS, against: LSPCI, atMost: 3 }],

  async measure(rounds, have) {
    if (!have('pciutils')) return [];
    const names = readPciIds([PCI_IDS]);
    const real = DUMPS.flatMap((file) => parseDump(readFileSync(file, 'utf8')));
    const functions = Array.from({ length: FUNCTIONS }, (_, index) => ({
      slot: `${(index >> 3).toString(16).padStart(2, '0')}:00.${index & 7}`,
      bytes: real[index % real.length]?.bytes ?? new Uint8Array(),
    }));
    const folder = mkdtempSync(join(tmpdir(), 'vfiolab-bench-'));
    const file = join(folder, 'dump');
    writeFileSync(file, functions.map(({ slot, bytes }) => dumpText(slot, bytes)).join(''));
    try {
      return await interleave(rounds, [
        looped(LSPCI, 'ms', undefined, 1, () => pciutils('lspci', '-i', PCI_IDS, '-F', file, '-vvv')),
        looped(OURS, 'ms', LSPCI, 1, () => {
          for (const { slot, bytes } of functions) {
            describeSpace(bytes);
            lspciText(bytes, { slot, names });
          }
        }),
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};
