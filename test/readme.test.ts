/** The README's TypeScript is true: each block is run as a cell. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ExecuteReply, KernelClient } from '../kernel/client.js';

const text = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
const blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code ?? '');

describe('README.md', { timeout: 120_000 }, () => {
  let kernel: KernelClient;
  before(async () => {
    kernel = await KernelClient.start();
  });
  after(() => kernel.shutdown());
  const run = (code: string): Promise<ExecuteReply> => kernel.execute(code, { onOutput: () => {} });

  test('has a first look, a tour of the library, and more of memory and interrupts', () => {
    assert.equal(blocks.length, 3);
  });

  test('the first look is refused for its misspelt register alone', async () => {
    const [look = ''] = blocks;
    const refused = await run(look);
    assert.equal(refused.ename, 'TypeScriptError');
    assert.match(refused.evalue ?? '', /'STATSU' does not exist/);
    const mended = await run(`${look.replace(/^.*STATSU.*$/m, '')}\ndev.close()`);
    assert.equal(mended.status, 'ok', mended.evalue);
  });

  test('the tour runs, and its interrupt comes', async () => {
    const toured = await run(blocks[1] ?? '');
    assert.equal(toured.status, 'ok', toured.evalue);
  });

  test('memory and interrupts run too', async () => {
    const ran = await run(blocks[2] ?? '');
    assert.equal(ran.status, 'ok', ran.evalue);
  });
});
