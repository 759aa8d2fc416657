/** `vfiolab decode` and `dump --format lspci`, as they are run. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { parseDump } from '../lib/config/dump.js';
import { idFilter, slotFilter } from '../lib/config/filter.js';
import { lspciText } from '../lib/config/text.js';
import { readPciIds } from '../lib/host/ids.js';
import { idsOf } from '../repl/commands/decode.js';
import { PCI_IDS, pciutils } from './config/lspci.js';
import { needs } from './needs.js';
import { vfiolab } from './vfiolab.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-decode-'));
after(() => rmSync(folder, { recursive: true }));

const FILE = join(folder, 'dump.txt');
const ROW = '00: 34 12 e8 11 07 00 00 00 10 00 ff 00 00 00 00 00';
const REST = [10, 20, 30].map((at) => `${at}:${' 00'.repeat(16)}`).join('\n');
writeFileSync(FILE, `01:00.0 one\n\tdecoded text\n${ROW}\n${REST}\n\n0001:02:1f.3 two\n${ROW}\n${REST}\n`);

const FILTERS: readonly (readonly ['-s' | '-d', string])[] = [
  ...[
    '04:00.0',
    '00:1f.2',
    '1f.2',
    '1f',
    '.2',
    '.',
    ':',
    '4:',
    '04:0',
    '0:',
    '0::',
    '*:1f.*',
    '0:0:1f.*',
    '1::',
    '1a.',
  ].map((filter) => ['-s', filter] as const),
  ...[
    '8086:',
    ':10d3',
    '8086:10d3',
    ':',
    '*:*',
    '1AF4:',
    '::0200',
    '::02xx',
    '::*:02',
    '::0c03:30',
    '::xx04',
    '::0x0x',
  ].map((filter) => ['-d', filter] as const),
];

describe('vfiolab decode', () => {
  test("a dump in lspci's words, one function after the other", async () => {
    const { code, stdout } = await vfiolab(['decode', FILE]);
    assert.equal(code, 0);
    assert.match(stdout, /^0000:01:00\.0 .*1234:11e8 \(rev 10\)\n\tControl: I\/O\+ Mem\+ BusMaster\+ /);
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
    assert.match(stderr, /no such function; it has 0000:01:00\.0, 0001:02:1f\.3/);
  });
  test("-s and -d choose what lspci's do", needs('pciutils'), async () => {
    const dump = join(import.meta.dirname, '..', '..', 'test', 'config', 'dumps', 'qemu.txt');
    const all = parseDump(readFileSync(dump, 'utf8'));
    for (const [option, filter] of FILTERS) {
      const theirs = pciutils('lspci', '-n', '-F', dump, option, filter)
        .split('\n')
        .flatMap((line) => line.split(' ')[0] || []);
      const chosen = option === '-s' ? slotFilter(filter, '') : idFilter(filter, '');
      const ours = all.filter((one) => chosen(option === '-s' ? (one.slot as never) : (idsOf(one.bytes) as never)));
      assert.deepEqual(
        ours.map(({ slot }) => slot),
        theirs,
        `${option} ${filter}`,
      );
    }
    assert.ok(FILTERS.length > 20);
    const { stdout } = await vfiolab(['decode', dump, '-d', '8086:10d3', '-s', '04:', '--json']);
    assert.deepEqual(
      JSON.parse(stdout).map(({ slot }: { slot: string }) => slot),
      ['04:00.0'],
    );
  });
  test('a filter that is none is refused', () => {
    for (const [option, filter, words] of [
      ['-s', '1:2:3:4', /not a slot; use \[\[\[\[DOMAIN\]:\]BUS\]:\]/],
      ['-s', '20.0', /not a slot/],
      ['-s', '0.8', /not a slot/],
      ['-d', '8086', /not an ID; use \[VENDOR\]:\[DEVICE\]/],
      ['-d', '8086:zz', /not an ID/],
      ['-d', '12345:', /not an ID/],
    ] as const) {
      assert.throws(() => (option === '-s' ? slotFilter : idFilter)(filter, 'vfiolab decode'), words);
    }
  });
  test('standard input, domains of five digits and more, decoded text among the hex', async () => {
    const { stdout: text } = await vfiolab(['decode', FILE]);
    const [first = '', ...lines] = text.split('\n\n')[0]?.split('\n') ?? [];
    const mixed = `10001:80:05.0 ${first}\n${lines.join('\n')}\n${ROW}\n${REST}\n\n00012345:00:1f.7 x\n${ROW}\n`;
    const { stdout, code } = await vfiolab(['decode', '-', '--json'], {}, mixed);
    assert.equal(code, 0);
    assert.deepEqual(
      JSON.parse(stdout).map(({ slot, size }: { slot: string; size: number }) => [slot, size]),
      [
        ['10001:80:05.0', 64],
        ['12345:00:1f.7', 16],
      ],
    );
    const chosen = await vfiolab(['decode', '-', '-s', '10001::'], {}, mixed);
    assert.match(chosen.stdout, /^10001:80:05\.0 /);
    assert.doesNotMatch(chosen.stdout, /12345/);
  });
  test("a bridge's windows are data", async () => {
    const dump = join(import.meta.dirname, '..', '..', 'test', 'config', 'dumps', 'qemu.txt');
    const { stdout } = await vfiolab(['decode', dump, '-s', '00:10.0', '--json']);
    const [{ header }] = JSON.parse(stdout);
    assert.equal(header.layout, 'bridge');
    const { stdout: text } = await vfiolab(['decode', dump, '-s', '00:10.0']);
    for (const { kind, base, limit, bits } of header.windows) {
      const name = { io: 'I/O', memory: 'Memory', prefetchable: 'Prefetchable memory' }[kind as 'io'];
      const hex = (value: string) =>
        BigInt(value)
          .toString(16)
          .padStart(bits / 4, '0');
      assert.ok(
        text.includes(`${name} behind bridge: ${hex(base)}-${hex(limit)} `),
        JSON.stringify({ kind, base, limit }),
      );
    }
    assert.deepEqual(
      header.windows.map(({ kind }: { kind: string }) => kind),
      ['io', 'memory', 'prefetchable'],
    );
  });
  test('--json is data', async () => {
    const { stdout } = await vfiolab(['decode', 'sim:edu', '--json']);
    const [{ header, capabilities }] = JSON.parse(stdout);
    assert.equal(header.VENDOR_ID, 0x1234);
    assert.deepEqual(
      [header.layout, header.bars[0].kind, header.bars[0].type, header.bars[0].size],
      ['device', 'memory', '32-bit', 0x10_0000],
    );
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
  test('and comes back the same, through decode, through a dump as a device, and through lspci', async () => {
    const whole = join(import.meta.dirname, '..', '..', 'test', 'config', 'dumps', 'qemu.txt');
    const [card, simulated] = [join(folder, 'card.txt'), join(folder, 'sim.txt')];
    await vfiolab(['dump', `dump:${whole}#04:00.0`, 'config', '--format', 'lspci', '-o', card]);
    await vfiolab(['dump', 'sim:edu', 'config', '--format', 'lspci', '-o', simulated]);
    const bytes = (file: string) => parseDump(readFileSync(file, 'utf8')).map((one) => [one.slot, [...one.bytes]]);
    const expected = parseDump(readFileSync(whole, 'utf8')).find(({ slot }) => slot === '04:00.0');
    assert.deepEqual(bytes(card), [['04:00.0', [...(expected?.bytes ?? [])]]]);
    for (const [spec, file] of [
      [`dump:${whole}#04:00.0`, card],
      ['sim:edu', simulated],
    ] as const) {
      const [device, read, again] = await Promise.all([
        vfiolab(['decode', spec]),
        vfiolab(['decode', file]),
        vfiolab(['decode', `dump:${file}`]),
      ]);
      assert.equal(read.code, 0);
      assert.ok(device.stdout.length > 300);
      assert.equal(read.stdout, device.stdout);
      assert.equal(again.stdout, device.stdout);
    }
  });
  test('lspci -F reads it, and says the same', needs('pciutils'), async () => {
    const file = join(folder, 'for-lspci.txt');
    await vfiolab(['dump', 'sim:edu', 'config', '--format', 'lspci', '-o', file]);
    const [one] = parseDump(readFileSync(file, 'utf8'));
    assert.ok(one !== undefined);
    const ours = lspciText(one.bytes, { slot: one.slot, names: readPciIds([PCI_IDS]) });
    assert.equal(pciutils('lspci', '-i', PCI_IDS, '-F', file, '-vvv').trimEnd(), ours.trimEnd());
    assert.match(pciutils('lspci', '-F', file, '-xxx'), /\n00: 34 12 e8 11 /);
  });
  test('of anything but config is refused', async () => {
    const { code, stderr } = await vfiolab(['dump', 'sim:edu', 'bar0', '--format', 'lspci']);
    assert.equal(code, 2);
    assert.match(stderr, /there is one format/);
  });
});

describe("vfiolab peek and poke by setpci's names", () => {
  test('a register, its value and its fields', async () => {
    const { code, stdout } = await vfiolab(['peek', 'sim:edu', 'COMMAND']);
    assert.equal(code, 0);
    assert.match(stdout, /^0x0103 {2}259\nsim:edu\/config\+0x4 COMMAND = 0x0103\n.*\[2\] {2}MASTER +0\n/s);
    const json = await vfiolab(['peek', 'sim:edu', 'CAP_MSI+2', '--json']);
    const { offset, name, width, value, fields } = JSON.parse(json.stdout);
    assert.deepEqual([offset, name, width, value, fields.ADDRESS_64], [0x42, 'MSI.CONTROL', 16, 0x80, 1]);
    const bare = await vfiolab(['peek', 'sim:edu', '10', '--width', '32']);
    assert.equal(bare.stdout.split('\n')[0]?.slice(0, 6), '0xfde0');
  });
  test('a value, or some bits of it', async () => {
    const [whole, masked] = await Promise.all([
      vfiolab(['poke', 'sim:edu', 'INTERRUPT_LINE', '0x55', '--read']),
      vfiolab(['poke', 'sim:edu', 'COMMAND', '0x4:0x6', '--read', '--json']),
    ]);
    assert.equal(whole.stdout, 'sim:edu/config+0x3c <- 0x55\n0x55  85\n');
    const { value, mask, read } = JSON.parse(masked.stdout);
    assert.deepEqual([value, mask, read], [4, 6, 0x0105]);
  });
  test('what makes no sense is refused', async () => {
    const cases: readonly (readonly [words: string[], message: RegExp])[] = [
      [['peek', 'sim:edu', 'COMAND'], /no register is called 'COMAND'/],
      [['peek', 'sim:edu', 'CAP_EXP+8.w'], /no such capability; it has CAP_MSI/],
      [['peek', 'sim:edu', 'COMMAND.w', '--width', '16'], /not both/],
      [['poke', 'sim:edu', 'VENDOR_ID', '1'], /read-only/],
      [['poke', 'sim:edu', 'bar0+0', '1:1'], /VALUE:MASK is for registers of config space by name/],
    ];
    await Promise.all(
      cases.map(async ([words, message]) => {
        const { code, stderr } = await vfiolab(words);
        assert.deepEqual([code, message.test(stderr)], [2, true], stderr);
      }),
    );
  });
});
