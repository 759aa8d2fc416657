/** The history: of this session and of earlier ones, of several kernels at once, bounded, and where it cannot be written. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { History, KEPT, matches, sessionsFolder } from '../kernel/history.js';
import { install } from '../kernel/kernelspec.js';
import { Bench } from './kernel-bench.js';
import { needs } from './needs.js';

const root = mkdtempSync(path.join(tmpdir(), 'history-'));
after(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
const fresh = (): string => path.join(root, String(++folders), 'sessions');

/** A session of these cells; each may have a result. */
async function session(
  folder: string | undefined,
  ...cells: (string | [code: string, result: string])[]
): Promise<History> {
  const history = new History(folder);
  for (const [index, cell] of cells.entries()) {
    const [code, result] = typeof cell === 'string' ? [cell] : cell;
    history.add(index + 1, code);
    history.result(index + 1, result);
  }
  await history.written();
  return history;
}

const range = (session: number, more: object = {}) => ({ hist_access_type: 'range', session, ...more });
const tail = (n: number, more: object = {}) => ({ hist_access_type: 'tail', n, ...more });
const search = (pattern: string, more: object = {}) => ({ hist_access_type: 'search', pattern, ...more });

describe('history', () => {
  test('sessions are numbered from the first; a range is of one, by its number or counted back from this one', async () => {
    const folder = fresh();
    await session(folder, 'a', 'b');
    await session(folder, 'c');
    const third = await session(folder, 'd', 'e', 'f', 'g');
    const all = [
      [3, 1, 'd'],
      [3, 2, 'e'],
      [3, 3, 'f'],
      [3, 4, 'g'],
    ];
    assert.deepEqual(await third.find(range(0)), all);
    assert.deepEqual(await third.find({ hist_access_type: 'range' }), all);
    assert.deepEqual(await third.find(range(3, { start: 0, stop: null })), all);
    assert.deepEqual(await third.find(range(0, { start: 2, stop: 4 })), all.slice(1, 3));
    assert.deepEqual(await third.find(range(0, { start: -2, stop: -1 })), all.slice(2, 3));
    assert.deepEqual(await third.find(range(-2)), [
      [1, 1, 'a'],
      [1, 2, 'b'],
    ]);
    assert.deepEqual(await third.find(range(-1)), [[2, 1, 'c']]);
    assert.deepEqual(await third.find(range(2)), [[2, 1, 'c']]);
    for (const none of [-3, 4, 99]) assert.deepEqual(await third.find(range(none)), [], `${none}`);
    // One that has no cell yet takes no number.
    assert.deepEqual(await new History(folder).find(range(-1)), all);
    assert.deepEqual(readdirSync(folder).sort(), ['1.jsonl', '2.jsonl', '3.jsonl']);
  });

  test('the last ones, across sessions, oldest first; with their results where asked', async () => {
    const folder = fresh();
    await session(folder, 'a', ['1 + 1', '2']);
    const second = await session(folder, ['b', "'text'"], 'c');
    assert.deepEqual(await second.find(tail(3)), [
      [1, 2, '1 + 1'],
      [2, 1, 'b'],
      [2, 2, 'c'],
    ]);
    assert.deepEqual(await second.find(tail(3, { output: true })), [
      [1, 2, ['1 + 1', '2']],
      [2, 1, ['b', "'text'"]],
      [2, 2, ['c', null]],
    ]);
    assert.deepEqual(await second.find(tail(0)), []);
    assert.equal((await second.find(tail(1000))).length, 4);
    assert.deepEqual(await second.find({ hist_access_type: 'nothing known' }), []);
    const third = await session(folder, ['long', 'x'.repeat(10 * KEPT.output)]);
    const [[, , [, result]]] = (await third.find(tail(1, { output: true }))) as [[number, number, [string, string]]];
    assert.equal(result, `${'x'.repeat(KEPT.output)}…`);
  });

  test('a search is by glob; unique keeps the latest of each, n the last ones', async () => {
    const folder = fresh();
    await session(folder, 'edu.ID.read()', 'dev.close()', 'edu.STATUS.read()');
    const second = await session(folder, 'edu.ID.read()', 'edu.ID\n.read()');
    const codes = async (pattern: string, more: object = {}) =>
      ((await second.find(search(pattern, more))) as [number, number, string][]).map(([s, n]) => `${s}/${n}`);
    assert.deepEqual(await codes('edu.*'), ['1/1', '1/3', '2/1', '2/2']);
    assert.deepEqual(await codes('edu.*', { unique: true }), ['1/3', '2/1', '2/2']);
    assert.deepEqual(await codes('edu.*', { n: 2 }), ['2/1', '2/2']);
    assert.deepEqual(await codes('edu.*()', { unique: true, n: 3 }), ['1/3', '2/1', '2/2']);
    assert.deepEqual(await codes('dev.close'), []);
    assert.deepEqual(await codes('dev.close(?'), ['1/2']);
    assert.deepEqual(await codes('[a-z]*'), []);
    assert.equal((await codes('*')).length, 5);
  });

  test('a glob means what it says, and takes no time', () => {
    const rows: [glob: string, text: string, whether: boolean][] = [
      ['', '', true],
      ['', 'a', false],
      ['*', '', true],
      ['a*b', 'ab', true],
      ['a*b', 'axxbxb', true],
      ['a*b', 'abx', false],
      ['?', '', false],
      ['a?c', 'a\nc', true],
      ['*a?', 'aab', true],
      ['a.c', 'abc', false],
      ['**a**', 'xax', true],
    ];
    for (const [glob, text, whether] of rows) assert.equal(matches(glob, text), whether, `${glob} ${text}`);
    const begun = performance.now();
    assert.equal(matches(`${'*a'.repeat(20)}b`, 'a'.repeat(20_000)), false);
    assert.ok(performance.now() - begun < 5000);
  });

  test('several at once have a file each, whole', async () => {
    const folder = fresh();
    const cells = (who: number) => Array.from({ length: 100 }, (_, i) => `cell ${i} of ${who}`);
    const all = await Promise.all([0, 1, 2, 3, 4].map((who) => session(folder, ...cells(who))));
    const own = await Promise.all(all.map((each) => each.find(range(0))));
    const numbers = own.map((found) => (found[0] as [number])[0]);
    assert.deepEqual(numbers.sort(), [1, 2, 3, 4, 5]);
    for (const [who, found] of own.entries()) {
      assert.deepEqual(
        found.map((each) => (each as unknown[])[2]),
        cells(who),
      );
    }
    assert.equal((await all[0]?.find(tail(1000)))?.length, 500);
  });

  test('it is private; what is no line of ours is passed over; a line that was cut takes no other with it', async () => {
    const folder = fresh();
    await session(folder, 'a', 'b');
    const file = path.join(folder, '1.jsonl');
    assert.deepEqual([statSync(folder).mode & 0o777, statSync(file).mode & 0o777], [0o700, 0o600]);
    writeFileSync(file, `null\n[1]\n{"n":"1"}\n{"n":1,"code":"a"}\n{"n":7,"output":"x"}\n{"n":2,"co`);
    writeFileSync(path.join(folder, 'notes.txt'), 'mine');
    assert.deepEqual(await new History(folder).find(tail(9)), [[1, 1, 'a']]);
  });

  test('old sessions go, the newest stay', async () => {
    const folder = fresh();
    mkdirSync(folder, { recursive: true });
    for (let n = 1; n <= KEPT.sessions; n++) writeFileSync(path.join(folder, `${n}.jsonl`), '');
    truncateSync(path.join(folder, '100.jsonl'), KEPT.bytes + 1);
    const history = await session(folder, 'a');
    const left = readdirSync(folder).map((name) => Number.parseInt(name, 10));
    assert.deepEqual([left.length, Math.min(...left), Math.max(...left)], [KEPT.sessions + 1 - 100, 101, 501]);
    // A session that never ends does not fill the disk either; what it did lately is known.
    const much = 'x'.repeat(1 << 18);
    for (let n = 2; n < 40; n++) history.add(n, `${much}${n}`);
    await history.written();
    assert.ok(statSync(path.join(folder, '501.jsonl')).size <= KEPT.session);
    assert.equal((await history.find(range(0))).length, 39);
    // What is too long is left out alone.
    history.add(40, 'short');
    await history.written();
    const again = await new History(folder).find(tail(1));
    assert.deepEqual(again, [[501, 40, 'short']]);
  });

  const rooted = process.getuid?.() === 0 ? {} : { skip: 'needs root, to mount a small tmpfs' };
  test('on a full disk it stops, whole lines only; once there is room it goes on', rooted, async () => {
    const folder = fresh();
    mkdirSync(folder, { recursive: true });
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', folder], { encoding: 'utf8' });
    assert.equal(mounted.status, 0, mounted.stderr);
    try {
      const code = (n: number): string => `${n} ${'x'.repeat(3000)}`;
      const kept = async (): Promise<number[]> =>
        (await new History(folder).find(tail(100))).map((cell) => (cell as [number, number])[1]);
      const history = new History(folder);
      for (let n = 1; n <= 20; n++) {
        history.add(n, code(n));
        await history.written();
      }
      const before = await kept();
      assert.ok(before.length >= 5 && before.length < 20, `${before.length} are kept`);
      assert.deepEqual(
        await history.find(range(0)),
        [...Array(20).keys()].map((i) => [1, i + 1, code(i + 1)]),
      );
      assert.equal(spawnSync('mount', ['-o', 'remount,size=256k', folder]).status, 0);
      for (const n of [21, 22]) {
        history.add(n, code(n));
        await history.written();
      }
      assert.deepEqual(await kept(), [...before, 21, 22]);
    } finally {
      spawnSync('umount', ['-l', folder]);
    }
  });

  test('nothing of it is remembered without end: of a long session the file has the rest', async () => {
    const kept = await session(fresh(), ...Array.from({ length: 1500 }, (_, i) => `cell ${i}`));
    assert.equal((await kept.find(range(0))).length, 1500);
    const unkept = await session(undefined, ...Array.from({ length: 1500 }, (_, i) => `cell ${i}`));
    const found = (await unkept.find(range(0))) as [number, number, string][];
    assert.deepEqual([found.length, found[0], found.at(-1)], [1000, [1, 501, 'cell 500'], [1, 1500, 'cell 1499']]);
  });

  test('a folder that is in nobody else’s way: relative ones are ignored', () => {
    assert.equal(sessionsFolder({ XDG_STATE_HOME: '/s' }), '/s/vfiolab/sessions');
    assert.match(sessionsFolder({ XDG_STATE_HOME: 'relative' }), /\/\.local\/state\/vfiolab\/sessions$/);
  });
});

/** Kernels that Jupyter started, one after the other; the script has `start()`, which gives a client, and `history(client, …)`. */
const JUPYTER = `
import json, time
from jupyter_client.manager import start_new_kernel

managers = []
def start():
    manager, client = start_new_kernel(kernel_name='vfiolab', startup_timeout=120)
    managers.append((manager, client))
    return client

def run(client, code, **options):
    return client.execute_interactive(code, timeout=120, output_hook=lambda message: None, **options)['content']

def history(client, **options):
    return client.history(reply=True, timeout=120, **options)['content']['history']

def stop():
    while managers:
        manager, client = managers.pop()
        client.stop_channels()
        manager.shutdown_kernel()
`;

describe('history in Jupyter', { timeout: 300_000, ...needs('jupyter') }, () => {
  install({ prefix: root });

  async function python(script: string, env: NodeJS.ProcessEnv): Promise<{ told: unknown; log: string }> {
    const child = spawn('/usr/bin/python3', ['-c', `${JUPYTER}${script}\nstop()`], {
      env: { ...process.env, HOME: root, JUPYTER_PATH: path.join(root, 'share/jupyter'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, log] = ['', ''];
    child.stdout.on('data', (text) => {
      out += text;
    });
    child.stderr.on('data', (text) => {
      log += text;
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(code, 0, log);
    return { told: JSON.parse(out), log };
  }

  test('lives across restarts and kernels; silent and unstored cells are not in it', async () => {
    const XDG_STATE_HOME = path.join(root, 'state');
    const script = `
one = start()
run(one, 'const a = 1')
run(one, '"unstored"', store_history=False)
run(one, '"silent"', silent=True)
run(one, 'a + 1')
managers[0][0].restart_kernel(now=False)
one.wait_for_ready(timeout=120)
two = start()
run(two, '"two"')
run(one, 'throw new Error("again")')
# Another kernel's are seen once they are in its file.
while history(one, hist_access_type='range', session=2, output=True) != [[2, 1, ['"two"', "'two'"]]]: time.sleep(0.05)
while not history(two, hist_access_type='range', session=3): time.sleep(0.05)
tell = [history(each, hist_access_type='tail', n=10, output=True) for each in (one, two)]
tell.append(history(two, hist_access_type='range', session=-1))
tell.append(history(one, hist_access_type='search', pattern='a*', n=1))
print(json.dumps(tell))`;
    const { told } = await python(script, { XDG_STATE_HOME });
    const [first, second, before, found] = told as unknown[][];
    const all = [
      [1, 1, ['const a = 1', null]],
      [1, 2, ['a + 1', '2']],
      [2, 1, ['"two"', "'two'"]],
      [3, 1, ['throw new Error("again")', null]],
    ];
    assert.deepEqual(first, all);
    // What was run there itself is the last.
    assert.deepEqual(second, [...all.slice(0, 2), all[3], all[2]]);
    assert.deepEqual(before, [
      [1, 1, 'const a = 1'],
      [1, 2, 'a + 1'],
    ]);
    assert.deepEqual(found, [[1, 2, 'a + 1']]);
  });

  test('where it cannot be written a line on the log says so, once; nothing fails', async () => {
    const home = path.join(root, 'file');
    writeFileSync(home, '');
    chmodSync(home, 0o400);
    const script = `
one = start()
status = [run(one, code)['status'] for code in ('1', '2', '3')]
print(json.dumps([status, history(one, hist_access_type='tail', n=10)]))`;
    const { told, log } = await python(script, { XDG_STATE_HOME: home });
    assert.deepEqual(told, [
      ['ok', 'ok', 'ok'],
      [
        [1, 1, '1'],
        [1, 2, '2'],
        [1, 3, '3'],
      ],
    ]);
    assert.equal(log.match(/vfiolab kernel: the history is not kept: ENOTDIR/g)?.length, 1, log);
  });
});

test('the kernel of a front end of ours leaves the history to it', { timeout: 120_000 }, async () => {
  const XDG_STATE_HOME = path.join(root, 'front-end');
  mkdirSync(XDG_STATE_HOME);
  const bench = await Bench.start({ env: { XDG_STATE_HOME } });
  await bench.run('1 + 1');
  await bench.end();
  assert.deepEqual(readdirSync(XDG_STATE_HOME), []);
});
