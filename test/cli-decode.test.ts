/** `vfiolab decode` and `dump --format lspci`, as they are run. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { parseDump } from '../lib/config/dump.js';
import { vfiolab } from './vfiolab.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-decode-'));
after(() => rmSync(folder, { recursive: true }));

const FILE = join(folder, 'dump.txt');
const ROW = '00: 34 12 e8 11 07 00 00 00 10 00 ff 00 00 00 00 00';
const REST = [10, 20, 30].map((at) => `${at}:${' 00'.repeat(16)}`).join('\n');
writeFileSync(FILE, `01:00.0 one\n\tdecoded text\n${ROW}\n${REST}\n\n0001:02:1f.3 two\n${ROW}\n${REST}\n`);

describe('vfiolab decode', () => {
  test("a dump in lspci's words, one function after the other", async () => {
    const { code, stdout } = await vfiolab(['decode', FILE]);
    assert.equal(code, 0);
    assert.match(stdout, /^01:00\.0 .*1234:11e8 \(rev 10\)\n\tControl: I\/O\+ Mem\+ BusMaster\+ /);
    assert.match(stdout, /\n\n0001:02:1f\.3 /);
  });
  test('-s chooses', async () => {
    for (const filter of ['1f.3', '0001::', '02:', '.3', '1:2:1f.*']) {
      const { stdout } = await vfiolab(['decode', FILE, '-s', filter, '--json']);
      assert.deepEqual(
        JSON.parse(stdout).map(({ slot }: { slot: string }) => slot),
        ['0001:02:1f.3'],
        filter,
      );
    }
    const { code, stderr } = await vfiolab(['decode', FILE, '-s', '05:']);
    assert.equal(code, 2);
    assert.match(stderr, /no such function; it has 01:00\.0, 0001:02:1f\.3/);
  });
  test('--json is data', async () => {
    const { stdout } = await vfiolab(['decode', 'sim:edu', '--json']);
    const [{ header, capabilities }] = JSON.parse(stdout);
    assert.equal(header.VENDOR_ID, 0x1234);
    assert.deepEqual([header.bars[0].kind, header.bars[0].type], ['memory', '32-bit']);
    assert.deepEqual([capabilities[0].name, capabilities[0].CONTROL.ADDRESS_64], ['MSI', 1]);
  });
  test('what is neither a file nor a device is refused', async () => {
    const { code, stderr } = await vfiolab(['decode', '/nowhere']);
    assert.equal(code, 2);
    assert.match(stderr, /\/nowhere/);
  });
});

describe('vfiolab dump --format lspci', () => {
  test('is what decode reads', async () => {
    const { stdout } = await vfiolab(['dump', 'sim:edu', 'config', '--format', 'lspci']);
    const [one] = parseDump(stdout);
    assert.deepEqual([one?.slot, one?.bytes.length], ['00:00.0', 256]);
    assert.deepEqual([...(one?.bytes.subarray(0, 4) ?? [])], [0x34, 0x12, 0xe8, 0x11]);
  });
  test('of anything but config is refused', async () => {
    const { code, stderr } = await vfiolab(['dump', 'sim:edu', 'bar0', '--format', 'lspci']);
    assert.equal(code, 2);
    assert.match(stderr, /there is one format/);
  });
});
