/** The one-shot commands, as a shell runs them, on sim:edu: what they print, as text and as JSON, and how they end. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { after, describe, test } from 'node:test';
import { CLI, type Ended, vfiolab } from './vfiolab.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-cli-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string) => join(folder, name);

/** Processes take their time to start: several run at once. */
const OPTIONS = { concurrency: 3, timeout: 120_000 };

const words = (line: string) => line.split(' ').filter(Boolean);

function assertOk(ended: Ended): void {
  assert.equal(ended.stderr, '');
  assert.equal(ended.code, 0);
}

/** Runs a command line that must succeed. */
async function out(line: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const ended = await vfiolab(words(line), env);
  assertOk(ended);
  return ended.stdout;
}

describe('commands on sim:edu', OPTIONS, () => {
  test('peek prints hex and decimal', async () => {
    assert.equal(await out('peek sim:edu bar0+0'), '0x010000ed  16777453\n');
  });
  test('peek reads with the width asked for', async () => {
    assert.equal(await out('peek sim:edu config+0 --width 16'), '0x1234  4660\n');
    assert.equal(await out('peek sim:edu config+1 --width 8'), '0x12  18\n');
  });
  test('peek --json', async () => {
    assert.deepEqual(JSON.parse(await out('peek sim:edu bar0+0x0 --json')), {
      ...{ spec: 'sim:edu', region: 'bar0', offset: 0, width: 32, value: 0x010000ed, hex: '0x010000ed' },
    });
  });
  test('peek --json of 64 bits is a hex string', async () => {
    assert.equal(JSON.parse(await out('peek sim:edu bar0+0x80 --width 64 --json')).value, '0x0000000000000000');
  });

  test('a VF token is shown to the card, and refused by one that has none', async () => {
    for (const words of ['peek sim:edu bar0+0', 'poke sim:edu bar0+4 1', 'dump sim:edu config', 'info sim:edu']) {
      const { code, stderr } = await vfiolab([
        ...words.split(' '),
        '--vf-token',
        '00112233-4455-6677-8899-aabbccddeeff',
      ]);
      assert.equal(code, 2);
      assert.match(stderr, /^sim:edu: open: a simulated card has no SR-IOV; leave vfToken out$/m);
    }
  });

  test('poke writes, and reads back only where asked for', async () => {
    assert.equal(await out('poke sim:edu bar0+4 0x1234_5678'), 'sim:edu/bar0+0x4 <- 0x12345678\n');
    const read = await out('poke sim:edu bar0+4 0x1234_5678 --read');
    assert.equal(read, 'sim:edu/bar0+0x4 <- 0x12345678\n0xedcba987  3989547399\n');
  });
  test('poke --json', async () => {
    const wide = JSON.parse(await out('poke sim:edu bar0+0x90 0b1000 --width 64 --read --json'));
    assert.deepEqual(wide, {
      ...{ spec: 'sim:edu', region: 'bar0', offset: 0x90, width: 64 },
      ...{ value: '0x0000000000000008', hex: '0x0000000000000008' },
      ...{ read: '0x0000000000000008', readHex: '0x0000000000000008' },
    });
    const plain = JSON.parse(await out('poke sim:edu bar0+4 7 --json'));
    assert.deepEqual(Object.keys(plain), ['spec', 'region', 'offset', 'width', 'value', 'hex']);
  });

  test('info shows identity, regions and interrupts', async () => {
    const text = await out('info sim:edu');
    for (const part of [/^sim:edu +1234:11e8/, /^ *bar0 +1 MiB/m, /^ *config /m, /^ *MSI +1/m, /^ *INTx +1/m]) {
      assert.match(text, part);
    }
  });
  test('info --json', async () => {
    const { spec, identity, regions, irqs } = JSON.parse(await out('info sim:edu --json'));
    assert.equal(spec, 'sim:edu');
    assert.equal(identity.vendor, 0x1234);
    assert.equal(regions.find((region: { name: string }) => region.name === 'bar0').size, 1 << 20);
    assert.deepEqual(irqs.map((irq: { name: string }) => irq.name).sort(), ['intx', 'msi', 'req']);
  });

  test('dump shows a hexdump of the range, with its offsets', async () => {
    const text = await out('dump sim:edu bar0+0x10:32');
    assert.match(text, /^sim:edu\/bar0\n +00000010 /);
    assert.match(text, /^ +00000020 /m);
    assert.doesNotMatch(text, /00000030/);
  });
  test('dump of config is whole, and begins with the identity', async () => {
    assert.match(await out('dump sim:edu config'), /^sim:edu\/config\n +00000000 +11e81234/);
    const bytes = file('config.bin');
    assert.equal(await out(`dump sim:edu config -o ${bytes}`), '');
    const { regions } = JSON.parse(await out('info sim:edu --json'));
    const config = regions.find((region: { name: string }) => region.name === 'config');
    assert.equal(readFileSync(bytes).length, config.size);
    assert.equal(readFileSync(bytes).readUInt32LE(0), 0x11e81234);
  });
  test('dump of a whole BAR is many chunks, in order', async () => {
    const bytes = file('bar0.bin');
    await out(`dump sim:edu bar0 -o ${bytes}`);
    const dumped = readFileSync(bytes);
    assert.equal(dumped.length, 1 << 20);
    assert.equal(dumped.readUInt32LE(0), 0x010000ed);
    const tail = await out('dump sim:edu bar0+0xffff0:16 --json');
    assert.deepEqual(
      JSON.parse(tail).values,
      [0, 4, 8, 12].map((at) => dumped.readUInt32LE(0xffff0 + at)),
    );
  });
  test('dump -o - writes the bytes to standard output', () => {
    const { status, stdout } = spawnSync(process.execPath, [CLI, ...words('dump sim:edu bar0+0:4 -o -')]);
    assert.equal(status, 0);
    assert.deepEqual([...stdout], [0xed, 0, 0, 1]);
  });
  test('dump --json, by width', async () => {
    const dumped = JSON.parse(await out('dump sim:edu bar0+0:8 --json'));
    assert.equal(dumped.values[0], 0x010000ed);
    assert.equal(dumped.values.length, 2);
    const { values } = JSON.parse(await out('dump sim:edu config+0:4 --width 8 --json'));
    assert.deepEqual(values, [0x34, 0x12, 0xe8, 0x11]);
    assert.deepEqual(JSON.parse(await out('dump sim:edu bar0+0x80:8 --width 64 --json')).values, [
      '0x0000000000000000',
    ]);
  });
  test('dump of nothing is nothing', async () => {
    assert.deepEqual(JSON.parse(await out('dump sim:edu config+0:0 --json')).values, []);
  });

  test('output that is no terminal is plain, and so is one under NO_COLOR', async () => {
    for (const env of [{}, { NO_COLOR: '1' }, { FORCE_COLOR: '1' }]) {
      assert.ok(!(await out('info sim:edu', env)).includes('\u001b'), JSON.stringify(env));
    }
  });

  test('a terminal gets colours, but not under NO_COLOR', () => {
    // script(1) gives the command a terminal.
    const onTerminal = (env: Readonly<Record<string, string>>) => {
      const command = `'${process.execPath}' '${CLI}' info sim:edu`;
      const { NO_COLOR: _, ...rest } = process.env;
      const ended = spawnSync('script', ['-qec', command, '/dev/null'], {
        ...{ encoding: 'utf8', env: { ...rest, TERM: 'xterm', ...env }, timeout: 60_000, killSignal: 'SIGKILL' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      assert.match(ended.stdout, /sim:edu/);
      return ended.stdout.includes('\u001b[');
    };
    assert.equal(onTerminal({}), true);
    assert.equal(onTerminal({ NO_COLOR: '1' }), false);
  });

  test('--version is that of package.json', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    assert.equal(await out('--version'), `${version}\n`);
  });
  test('--help, -h and help', async () => {
    const help = await out('--help');
    assert.match(help, /^vfiolab: a bring-up lab/);
    assert.equal(await out('help'), help);
    const dump = await out('help dump');
    assert.match(dump, /^Usage: vfiolab dump SPEC REGION/);
    assert.equal(await out('dump --help'), dump);
  });
});

describe('bad input is one line on standard error, with a hint', OPTIONS, () => {
  const cases: readonly [line: string, code: 1 | 2, message: RegExp][] = [
    ['peke sim:edu bar0+0', 2, /^vfiolab: peke: unknown command; did you mean 'vfiolab peek'\?$/],
    ['peek sim:edu bar0+0 --widht 8', 2, /^vfiolab peek: --widht: unknown option; did you mean --width\?$/],
    ['peek sim:edu bar0+0 --width 33', 2, /^vfiolab peek: --width 33: not a width; use 8, 16, 32 or 64$/],
    ['peek sim:edu', 2, /^vfiolab peek: operands: 2 needed, 1 given; use vfiolab peek SPEC/],
    ['peek sim:edu bar0', 2, /^vfiolab peek: bar0: the offset is missing; use bar0\+OFFSET/],
    ['peek sim:edu bar0+0x21', 2, /^sim:edu\/bar0\+0x21: read32: .*multiple of 4.*; .*0x20/],
    ['peek sim:edu bar0+0x100000', 2, /^sim:edu\/bar0\+0x100000: read32: .*; .*0xffffc/],
    ['peek sim:edu bar0+1.5', 2, /^vfiolab peek: 1\.5: not a number; use one such as 0x1f/],
    ['peek sim:edu bar0+-4', 2, /^vfiolab peek: -4: not a number; /],
    ['peek sim:edu bar3+0', 2, /^sim:edu: region: no region bar3; it has bar0, config$/],
    ['peek sim:edu config+0 --width 64', 2, /^sim:edu\/config\+0x0: read64: .*; /],
    [
      'poke sim:edu bar0+4 0x1_0000_0000',
      2,
      /^sim:edu\/bar0\+0x4: write32: 4294967296 is not a 32-bit value; use an integer/,
    ],
    ['poke sim:edu bar0+4 256 --width 8', 2, /^sim:edu\/bar0\+0x4: write8: 256 is not a 8-bit value; /],
    ['poke sim:edu bar0+0x80 0x1_0000_0000_0000_0000 --width 64', 2, /is not a 64-bit value; /],
    ['poke sim:edu bar0+4 -1', 2, /^vfiolab poke: -1: numbers are not negative; /],
    ['poke sim:edu bar0+4 red', 2, /^vfiolab poke: red: not a number; /],
    ['dump sim:edu bar0+0:0x100004', 2, /^sim:edu\/bar0\+0x0: dump 1048580 bytes: .*; give a shorter LENGTH/],
    ['dump sim:edu bar0+0:6', 2, /multiple of 4/],
    ['dump sim:edu bar0+0x200000', 2, /^sim:edu\/bar0\+0x200000: /],
    ['dump sim:edu config --json -o x', 2, /^vfiolab dump: --json -o: /],
    ['dump sim:edu config -o /nonexistent/x', 1, /^\/nonexistent\/x: open for writing: .*\(ENOENT\); give -o/],
    ['info sim:nvme', 2, /^sim:nvme: .*; .*sim:edu/],
    ['info nonsense', 2, /^nonsense: .*; /],
    ['info 0000:ff:1f.9', 2, /^0000:ff:1f\.9: .*; /],
    ['info 0000:ff:1f.7', 1, /^0000:ff:1f\.7: .*; /],
    ['info 10001:80:05.0', 1, /^10001:80:05\.0: .*; /],
    ['info group:10001:80:05.0', 1, /10001:80:05\.0: .*; /],
    ['run nothing.ipynb', 1, /^nothing\.ipynb: read: the notebook cannot be read \(ENOENT\); check/],
    [
      'kernel install --user --sys-prefix',
      2,
      /^vfiolab kernel install: place: the kernel goes to one place; use --user/,
    ],
    ['kernel install --name a/b', 2, /^vfiolab kernel install: --name a\/b: not a name that Jupyter takes; /],
    ['kernel install --prefix /dev/null', 1, /^vfiolab kernel install: \/dev\/null: .*\(ENOTDIR\); choose/],
    ['kernel remove --prefix /dev/null', 1, /^vfiolab kernel remove: \/dev\/null: no kernel of this name/],
    ['help peke', 2, /did you mean 'vfiolab peek'/],
  ];
  for (const [line, code, message] of cases) {
    test(`vfiolab ${line}`, async () => {
      const ended = await vfiolab(words(line));
      assert.equal(ended.stdout, '');
      assert.match(ended.stderr, /^[^\n]+\n$/, 'one line');
      assert.match(ended.stderr.trimEnd(), message);
      assert.equal(ended.code, code);
    });
  }

  test('the stack is there where VFIOLAB_DEBUG=1 asks for it', async () => {
    const { stderr } = await vfiolab(words('peek sim:edu bar0+0x21'), { VFIOLAB_DEBUG: '1' });
    assert.match(stderr, /\n +at /);
  });
});

describe('kernel install and remove', OPTIONS, () => {
  const spec = (...parts: readonly string[]) => file(join(...parts, 'kernel.json'));
  const cases: readonly [option: string, env: Readonly<Record<string, string>>, folder: string][] = [
    ['', { XDG_DATA_HOME: file('xdg'), JUPYTER_DATA_DIR: '' }, 'xdg/jupyter/kernels/vfiolab'],
    ['--user --name lab', { JUPYTER_DATA_DIR: file('data') }, 'data/kernels/lab'],
    [`--prefix ${file('prefix')}`, {}, 'prefix/share/jupyter/kernels/vfiolab'],
    ['--sys-prefix', { VIRTUAL_ENV: file('venv') }, 'venv/share/jupyter/kernels/vfiolab'],
  ];
  for (const [option, env, folder] of cases) {
    test(`install ${option.split(' ')[0]}, then remove`, async () => {
      const said = await out(`kernel install ${option}`, env);
      const { display_name, argv } = JSON.parse(readFileSync(spec(folder), 'utf8'));
      assert.equal(display_name, `TypeScript (${basename(folder)})`);
      assert.equal(said, `${display_name} is installed in ${file(folder)}\n`);
      assert.equal(argv[0], process.execPath);
      assert.equal(await out(`kernel remove ${option}`, env), `removed ${file(folder)}\n`);
      assert.equal(existsSync(spec(folder)), false);
    });
  }
});

test('peek loads what one access needs: no terminal, no kernel, no compiler', OPTIONS, async () => {
  // V8's coverage names each script that was loaded.
  const scripts = file('scripts');
  await out('peek sim:edu bar0+0', { NODE_V8_COVERAGE: scripts });
  const loaded = readdirSync(scripts)
    .flatMap((name): { url: string }[] => JSON.parse(readFileSync(join(scripts, name), 'utf8')).result)
    .map(({ url }) => url);
  assert.ok(loaded.some((url) => url.endsWith('/repl/commands/peek.js')));
  const packages = loaded.flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  assert.deepEqual(
    packages.filter(
      (name) => !['hexy', 'koffi', '@koromix/koffi-linux-x64', '@koromix/koffi-linux-arm64'].includes(name),
    ),
    [],
  );
  assert.deepEqual(
    loaded.filter((url) => /\/kernel\/|\/repl\/(prompt|run)/.test(url)),
    [],
  );
});

describe('in order, whatever happens', OPTIONS, () => {
  test('a refused dump leaves the file alone', async () => {
    const path = file('kept.bin');
    writeFileSync(path, 'kept');
    assert.equal((await vfiolab(words(`dump sim:edu bar0+2:8 -o ${path}`))).code, 2);
    assert.equal((await vfiolab(words(`dump sim:edu bar0+0:0x100004 -o ${path}`))).code, 2);
    assert.equal(readFileSync(path, 'utf8'), 'kept');
    assert.equal((await vfiolab(words(`dump sim:nothing bar0 -o ${file('none.bin')}`))).code, 2);
    assert.equal(existsSync(file('none.bin')), false);
  });

  test('a reader that goes away ends a dump quietly', () => {
    const line = `"${process.execPath}" "${CLI}" dump sim:edu bar0 --width 32; echo "code $?" >&2`;
    const { stdout, stderr } = spawnSync('sh', ['-c', `{ ${line}; } | head -n 1`], { encoding: 'utf8' });
    assert.equal(stdout, 'sim:edu/bar0\n');
    assert.equal(stderr, 'code 0\n');
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal} ends a dump in the middle, by that signal, and says nothing`, async () => {
      const child = spawn(process.execPath, [CLI, ...words('dump sim:edu bar0 -o -')], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const stderr = text(child.stderr);
      // Nobody reads yet, so the dump stands still at its first chunks.
      await once(child.stdout, 'readable');
      child.kill(signal);
      const [bytes, [code, by]] = await Promise.all([buffer(child.stdout), once(child, 'close')]);
      assert.equal(await stderr, '');
      assert.deepEqual({ code, by }, { code: null, by: signal });
      assert.ok(bytes.length < 1 << 20, `${bytes.length} bytes`);
    });
  }
});
