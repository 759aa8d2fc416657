/**
 * `npm run soak [-- NAME…]`: what must hold over a long session. Each soak has a short form in `npm test`.
 *
 *     node dist/test/soak/main.js [NAME…] [--spec SPEC] [--count N]
 */
import { parseArgs } from 'node:util';
import { buffers } from './buffers.js';
import { complaints } from './complaints.js';
import { config } from './config.js';
import { faces } from './faces.js';
import { kernel } from './kernel.js';
import { prompt } from './prompt.js';
import type { Soak } from './soak.js';

export const SOAKS: readonly Soak[] = [buffers, complaints, config, faces, kernel, prompt];

if (import.meta.filename === process.argv[1]) {
  const { values, positionals } = parseArgs({
    options: { spec: { type: 'string', default: 'sim:edu' }, count: { type: 'string' } },
    allowPositionals: true,
  });
  const wanted = SOAKS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  if (wanted.length === 0) {
    process.stderr.write(`no such soak; there are ${SOAKS.map(({ name }) => name).join(', ')}\n`);
    process.exitCode = 2;
  }
  for (const soak of wanted) {
    const count = Number(values.count ?? soak.count);
    process.stdout.write(`${soak.name}: ${soak.title}, ${count} ${soak.unit ?? 'times'} …\n`);
    const start = performance.now();
    try {
      const said = await soak.run(count, values.spec);
      process.stdout.write(`${soak.name}: ${said}; ${Math.round((performance.now() - start) / 1000)} s\n`);
    } catch (error) {
      process.stdout.write(
        `${soak.name}: FAILED after ${Math.round((performance.now() - start) / 1000)} s: ${error}\n`,
      );
      process.exitCode = 1;
    }
  }
}
