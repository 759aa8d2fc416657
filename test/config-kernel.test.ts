/** Config space in a cell: completion down to the bit, pictures in both forms, a dump in the place of a card. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { KernelClient, type Output } from '../kernel/client.js';
import { dumpText, parseDump } from '../lib/config/dump.js';
import { plainText } from '../repl/transcript.js';
import { vfiolab } from './vfiolab.js';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'vfiolab-config-kernel-'));
after(() => rmSync(folder, { recursive: true }));

/** QEMU's e1000e: PM, MSI, PCI Express, MSI-X, AER, DSN. */
const CARD = join(folder, 'card.txt');
const dumped = parseDump(readFileSync(join(root, 'test', 'config', 'dumps', 'qemu.txt'), 'utf8'));
const card = dumped.find(({ slot }) => slot === '04:00.0');
writeFileSync(CARD, dumpText('0000:04:00.0', card?.bytes ?? new Uint8Array()));

describe('in a kernel whose card is a dump', { timeout: 240_000 }, () => {
  let kernel: KernelClient;
  before(async () => {
    kernel = await KernelClient.start({ env: { VFIOLAB_DEVICE: `dump:${CARD}` } });
    const opened = await kernel.execute('const dev = open()', { onOutput: () => {} });
    assert.equal(opened.status, 'ok', opened.evalue);
  });
  after(() => kernel.shutdown());
  const run = async (code: string) => {
    const outputs: Output[] = [];
    const reply = await kernel.execute(code, { onOutput: (output) => outputs.push(output) });
    return { reply, outputs };
  };
  const completions = async (code: string) =>
    (await kernel.complete(code, code.length)).matches.map(({ text }) => text);

  for (const [code, expected, more] of [
    ["dev.cap('", ['EXP', 'AER', 'SRIOV'], 'names'],
    ["dev.cap('EXP').LNKSTA.", ['SPEED', 'WIDTH', 'DL_ACTIVE', 'raw'], 'fields'],
    ["dev.cap('AER').UNCORRECTABLE_STATUS.", ['MALFORMED', 'UNSUPPORTED'], 'bits'],
    ['dev.config.header().COMMAND.', ['MASTER', 'MEM', 'INTX_DISABLE'], "the header's"],
    ['dev.config.header().bars[0].', ['address', 'prefetchable', 'size'], "a BAR's"],
    ["dev.config.capability('EXP').LNKCTL.", ['modify', 'read', 'write'], 'verbs'],
    ["dev.config.capability('EXP').LNKCTL.modify({ ", ['ASPM', 'COMMON_CLOCK'], 'writable fields'],
  ] as const) {
    test(`completion knows ${more}: ${code}`, async () => {
      const found = (await completions(code)).map((text) => text.replace(/^['"]|['"]$/g, ''));
      for (const name of expected) assert.ok(found.includes(name), `${name} among ${found.slice(0, 40).join(' ')}`);
    });
  }
  test('a read-only register has no write', async () => {
    assert.ok(!(await completions("dev.config.capability('EXP').LNKCAP.")).includes('write'));
    const { reply } = await run("dev.config.capability('EXP').LNKCAP.write(0)");
    assert.equal(reply.ename, 'TypeScriptError');
  });
  test('capabilities are a table that folds in HTML, and a line each in plain text', async () => {
    const { outputs } = await run('dev.capabilities()');
    const [result] = outputs;
    assert.ok(result?.type === 'result');
    assert.match(
      plainText(result.data),
      /6 capabilities.*\n.*0xc8 {2}PM .*\n.*MSI .*\n.*EXP {3}PCI Express +Endpoint, 2\.5GT\/s x1\n/,
    );
    assert.equal(plainText(result.data).split('\n').length, 7);
    assert.match(String(result.data['text/html']), /<details><summary.*<details>/s);
  });
  test('by name the type is known: SPEED is one of its names', async () => {
    const { reply, outputs } = await run(
      "for (const one of dev.capabilities()) if (one.name === 'EXP') console.log(one.LNKSTA.SPEED, one.LNKSTA.WIDTH)",
    );
    assert.equal(reply.status, 'ok', reply.evalue);
    assert.ok(outputs[0]?.type === 'stream' && outputs[0].text === '2.5GT/s 1\n');
  });
  for (const code of [
    'dev.bar(0)',
    'dev.dma(4096)',
    "dev.enableIrqs('msi')",
    'dev.reset()',
    'dev.busMaster(true)',
    'dev.config.write16(4, 7)',
    "dev.config.at('COMMAND').modify({ MASTER: 1 })",
    "dev.config.capability('EXP').DEVCTL.modify({ RELAXED_ORDERING: 1 })",
    'dev.config.writeBlock(0, new Uint8Array(4))',
    "dev.region('rom')",
  ]) {
    test(`${code} is refused: why, and what to do`, async () => {
      const { reply } = await run(code);
      assert.equal(reply.ename, 'UsageError');
      assert.match(
        reply.evalue ?? '',
        /dump:.*#0000:04:00\.0.*: a dump is config space to be read, and nothing else; open the card itself: open\('0000:04:00\.0'\)/,
      );
    });
  }
});

describe('a notebook that only looks at config space runs on a dump', { timeout: 240_000 }, () => {
  const notebook = join(root, 'notebooks', 'config.ipynb');
  const out = join(folder, 'out.ipynb');
  test('named by VFIOLAB_DEVICE, or by --device from the folder where one is', async () => {
    const here = relative(process.cwd(), CARD);
    const runs = [
      await vfiolab(['run', notebook, '--json'], { VFIOLAB_DEVICE: `dump:${here}` }),
      await vfiolab(['run', notebook, '--device', `dump:${here}#04:00.0`, '-o', out]),
    ];
    for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
    const text = JSON.stringify(JSON.parse(readFileSync(out, 'utf8')).cells);
    for (const words of ['6 capabilities', '4096 bytes, 0 broken lists', '<details>'])
      assert.ok(text.includes(words), words);
    assert.match(runs[0]?.stdout ?? '', /6 capabilities/);
  });
});

test('what cannot be opened as a dump says why', async () => {
  const several = join(folder, 'several.txt');
  writeFileSync(
    several,
    dumped
      .slice(0, 3)
      .map(({ slot, bytes }) => dumpText(slot, bytes))
      .join(''),
  );
  const short = join(folder, 'short.txt');
  writeFileSync(short, '01:00.0 x\n00: 34 12 e8 11\n');
  for (const [spec, words] of [
    [
      `dump:${several}`,
      /it has 3 functions; name one, such as 'dump:.*several\.txt#00:00\.0'; there are 00:00\.0, 00:05\.0, 00:06\.0/,
    ],
    [`dump:${several}#1f.7`, /no function 1f\.7; name one/],
    [`dump:${several}#what`, /-s what: not a slot/],
    [`dump:${short}`, /01:00\.0: the header has 64 bytes; dump it again/],
    [`dump:${folder}/nothing.txt`, /dump:.*nothing\.txt: open: .*ENOENT.*; give a file that lspci -xxxx/],
  ] as const) {
    const { code, stderr } = await vfiolab(['info', spec]);
    assert.notEqual(code, 0);
    assert.match(stderr, words);
  }
  const { stdout } = await vfiolab(['info', `dump:${several}#05.0`]);
  assert.match(stdout, /several\.txt#00:05\.0 .*dump, read-only/);
});
