/**
 * `npm run bench`: what the library costs, as medians of interleaved rounds, each beside a floor measured in the same run.
 *
 *     npm run bench [-- NAME…] [-- --rounds N] [-- --json FILE] [-- --check]
 *
 * NAMEs choose sections; `--rounds` makes at most so many rounds; `--json` writes the same as data; `--check` exits 1 where an aim is
 * missed by more than 20 %, and where VFIOLAB_TEST_ALL=1 and something could not be measured.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { toAnsi, toText } from '../../lib/print.js';
import { type NeedName, unmet } from '../needs.js';
import { blocks } from './blocks.js';
import { config } from './config.js';
import { kernel } from './kernel.js';
import { prompt } from './prompt.js';
import { registers } from './registers.js';
import type { Section } from './section.js';
import { type Part, partOf, tableOf } from './table.js';
import { wakeup } from './wakeup.js';

// The terminals in which prompts are measured are such ones, wherever this runs.
process.env.TERM = 'xterm-256color';

const SECTIONS: readonly Section[] = [registers, blocks, config, wakeup, kernel, prompt];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' }, check: { type: 'boolean' }, rounds: { type: 'string' } },
});
const most = Number(values.rounds ?? Number.POSITIVE_INFINITY);
const unknown = positionals.filter((name) => !SECTIONS.some((section) => section.name === name));
if (unknown.length > 0 || !(most >= 1)) {
  const names = SECTIONS.map(({ name }) => name).join(', ');
  process.stderr.write(
    `bench: ${unknown.length > 0 ? `no section ${unknown.join(', ')}` : '--rounds'}; there are ${names}\n`,
  );
  process.exit(2);
}

const parts: Part[] = [];
for (const section of SECTIONS) {
  if (positionals.length > 0 && !positionals.includes(section.name)) continue;
  if (process.stderr.isTTY) process.stderr.write(`${section.name} …\r`);
  const missing: string[] = [];
  const have = (need: NeedName): boolean => {
    const what = unmet(need);
    if (what !== undefined) missing.push(what);
    return what === undefined;
  };
  const figures = await section.measure(Math.min(most, section.rounds), have);
  parts.push(partOf(section, figures, missing));
}

const machine = `${cpus()[0]?.model ?? process.arch}, Node ${process.versions.node}`;
const table = tableOf(`vfiolab bench on ${machine}`, parts);
process.stdout.write(`${process.stdout.isTTY ? toAnsi(table) : toText(table)}\n`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine, sections: parts }, null, 2)}\n`);
if (values.check) {
  const missed = parts.some(({ aims }) => aims.some(({ verdict }) => verdict === 'missed'));
  const unmeasured = process.env.VFIOLAB_TEST_ALL === '1' && parts.some(({ missing }) => missing.length > 0);
  if (missed || unmeasured) process.exitCode = 1;
}
