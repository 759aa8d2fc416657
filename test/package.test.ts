/**
 * The package as a user gets it: packed, installed in an empty folder without install scripts, with no compiler on the PATH. Mapped
 * access, the kernel and the prompt work there.
 */
import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'vfiolab-package-'));
const [user, bin] = [join(folder, 'user'), join(folder, 'bin')];
const installed = join(user, 'node_modules', 'vfiolab');
after(() => rmSync(folder, { recursive: true }));

const npm = realpathSync(spawnSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).stdout.trim());
/** As a user's shell has it, but for a PATH with nothing but node and a shell; and no npm settings of the `npm test` around us. */
const env = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(config|package|lifecycle)/i.test(name))),
  PATH: bin,
};

function ran(
  program: string,
  args: readonly string[],
  options: { cwd?: string; input?: string } = {},
): SpawnSyncReturns<string> {
  const ended = spawnSync(program, args, { cwd: user, env, encoding: 'utf8', timeout: 300_000, ...options });
  assert.equal(ended.status, 0, `${program} ${args.join(' ')}: ${ended.error ?? ''}${ended.stderr}`);
  return ended;
}
const vfiolab = (args: readonly string[], input = '') =>
  ran(join(user, 'node_modules', '.bin', 'vfiolab'), args, { input });

describe('the package, installed without scripts and without a compiler', { timeout: 900_000 }, () => {
  before(() => {
    for (const path of [user, bin]) mkdirSync(path);
    symlinkSync(process.execPath, join(bin, 'node'));
    symlinkSync('/bin/sh', join(bin, 'sh'));
    for (const compiler of ['cc', 'gcc', 'clang', 'make', 'python3']) {
      assert.notEqual(
        spawnSync('sh', ['-c', `command -v ${compiler}`], { env }).status,
        0,
        `${compiler} is on the PATH`,
      );
    }
    // What `prepare` would build is built: other tests use it at this moment.
    const packed = ran(process.execPath, [npm, 'pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
      cwd: root,
    });
    const [{ filename }] = JSON.parse(packed.stdout);
    const options = ['--ignore-scripts', '--omit=dev', '--prefer-offline', '--no-audit', '--no-fund'];
    ran(process.execPath, [npm, 'install', ...options, join(folder, filename)]);
  });

  test('holds what is needed to run, and no tests', () => {
    const there = (path: string) => existsSync(join(installed, path));
    const built = ['mmio.so', 'js.node'].map((name) => `dist/native/linux-${process.arch}/${name}`);
    for (const path of ['README.md', 'LICENSE', 'notebooks/edu.ipynb', ...built]) assert.ok(there(path), path);
    for (const path of ['test', 'dist/test', '.ci', 'node_modules']) assert.ok(!there(path), path);
  });

  test('is what `import` and its types find', () => {
    const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    for (const path of Object.values(exports['.']) as string[]) assert.ok(existsSync(join(installed, path)), path);
    const script = `
      import { EDU, open } from 'vfiolab';
      const dev = open('sim:edu');
      console.log(dev.bar(0).registers(EDU).ID.read().MAGIC);
      dev.close();
    `;
    assert.equal(ran(process.execPath, ['--input-type=module', '-e', script]).stdout, '237\n');
  });

  test('reads mapped memory through the library that was packed, and gets a fault as a result', () => {
    const script = `
      import { libc, MAP_PRIVATE, MAP_ANONYMOUS, mmio, mmioMissing, PAGE } from './node_modules/vfiolab/dist/lib/native.js';
      import { PageMemory } from './node_modules/vfiolab/dist/lib/backends/memory.js';
      if (mmioMissing()) throw new Error(mmioMissing());
      const memory = new PageMemory(PAGE);
      memory.bytes.set([0xed, 0, 0, 1]);
      const forbidden = libc().mmap(0, PAGE, 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      console.log(mmio().read32(Number(memory.pointer)), mmio().read32(forbidden));
    `;
    const { stdout, stderr } = ran(process.execPath, ['--input-type=module', '-e', script]);
    assert.equal(stdout, `${0x010000ed} -1\n`);
    assert.equal(stderr, '');
  });

  test('has the one-shot commands', () => {
    assert.equal(vfiolab(['peek', 'sim:edu', 'bar0+0']).stdout, '0x010000ed  16777453\n');
    assert.match(vfiolab(['--help']).stdout, /^vfiolab: /);
  });

  test('installs its kernel, which runs cells', () => {
    vfiolab(['kernel', 'install', '--prefix', join(folder, 'jupyter')]);
    const spec = JSON.parse(readFileSync(join(folder, 'jupyter/share/jupyter/kernels/vfiolab/kernel.json'), 'utf8'));
    assert.ok(spec.argv.includes(join(realpathSync(installed), 'dist', 'kernel', 'main.js')), spec.argv.join(' '));
    writeFileSync(
      join(user, 'edu.ipynb'),
      JSON.stringify({
        ...{ nbformat: 4, nbformat_minor: 5, metadata: {} },
        cells: [
          ...['const dev = open()', 'dev.bar(0).registers(EDU).ID.read().MAGIC', 'dev.close()'].map(
            (source, index) => ({
              ...{ cell_type: 'code', id: `c${index}`, metadata: {}, outputs: [], execution_count: null, source },
            }),
          ),
        ],
      }),
    );
    assert.match(vfiolab(['run', 'edu.ipynb', '--device', 'sim:edu']).stdout, /\n237\n/);
  });

  test('takes a script at the prompt', () => {
    assert.match(vfiolab(['repl', 'sim:edu'], 'edu.ID.read().MAGIC').stdout, /^237$/m);
  });

  test('opens the prompt on a terminal, and Ctrl-D leaves it', async () => {
    const program = `/bin/stty rows 24 cols 80; '${join(user, 'node_modules', '.bin', 'vfiolab')}' sim:edu`;
    // script(1) gives it a terminal (of no size, so stty gives that one); what it shows comes out here.
    const child = spawn('/usr/bin/script', ['-qec', program, '/dev/null'], {
      cwd: user,
      env: { ...env, TERM: 'xterm' },
    });
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      shown += text;
      if (shown.includes('237 (0xed)') && child.stdin.writable) child.stdin.end('\u0004');
    });
    child.stdin.on('error', () => {});
    child.stdin.write('edu.ID.read().MAGIC\r');
    const [code] = await once(child, 'close');
    assert.equal(code, 0, shown);
    assert.ok(stripVTControlCharacters(shown).includes('237 (0xed)\r\n'), shown);
  });
});
