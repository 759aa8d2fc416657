/** Sharing a card, as far as it can be seen without one: arenas, the ledger's locks, the folder, what is asked for and answered. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import type { IovaRange } from '../lib/backend.js';
import { SystemError, UsageError } from '../lib/errors.js';
import { open } from '../lib/index.js';
import { libc, watch } from '../lib/native.js';
import { ARENAS, arena } from '../lib/share/arena.js';
import { runtimeFolder } from '../lib/share/folder.js';
import { Ledger } from '../lib/share/ledger.js';
import { type Packet, REPLY, REQUEST, receive, send, slotNumber, WAY } from '../lib/share/protocol.js';
import { type Share, Sharer, socketFile } from '../lib/share/sharer.js';
import { sockets } from '../lib/share/sockets.js';
import { until } from './kernel-bench.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'share-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** VT-d's, as a guest has them. */
const RANGES: readonly IovaRange[] = [
  { first: 0n, last: 0xfedf_ffffn },
  { first: 0xfef0_0000n, last: 0x7f_ffff_ffffn },
];

describe('arenas', () => {
  const all = Array.from({ length: ARENAS }, (_, index) => arena(RANGES, index));
  const inside = (piece: IovaRange) => RANGES.some(({ first, last }) => piece.first >= first && piece.last <= last);
  const size = (pieces: readonly IovaRange[], mask: bigint) =>
    pieces.reduce((sum, { first, last }) => sum + (first > mask ? 0n : (last < mask ? last : mask) - first + 1n), 0n);

  test('they are disjoint, of whole pages, and together all that there is', () => {
    const pieces = all.flat().sort((a, b) => (a.first < b.first ? -1 : 1));
    for (const [i, piece] of pieces.entries()) {
      assert.ok(inside(piece));
      assert.equal(piece.first & 0xfffn, 0n);
      assert.equal(piece.last & 0xfffn, 0xfffn);
      const next = pieces[i + 1];
      if (next) assert.ok(piece.last < next.first, `${piece.last} ${next.first}`);
    }
    assert.equal(size(pieces, 2n ** 64n), size(RANGES, 2n ** 64n));
  });

  test('each reaches below every mask from 24 bits on; the first has half and more', () => {
    for (const bits of [24n, 28n, 32n, 39n]) {
      const mask = (1n << bits) - 1n;
      for (const pieces of all) assert.ok(size(pieces, mask) >= 1n << (bits - 9n), `${bits}`);
      assert.ok(2n * size(all[0] ?? [], mask) >= size(RANGES, mask));
    }
    assert.ok(
      all[1]?.some(({ first, last }) => last < 0x1000_0000n && last - first >= 0x200_0000n - 1n),
      '32 MiB for edu',
    );
  });
});

describe('the ledger', () => {
  test('an open file has a lock, and what it had is free when it is closed', () => {
    const path = join(folder, 'lock');
    const [one, two] = [new Ledger(path), new Ledger(path)];
    one.withArena(0, () => assert.deepEqual(two.others, [], 'who cleans an arena has none'));
    assert.equal(lstatSync(path).mode & 0o777, 0o600);
    assert.deepEqual([one.takeDoor(), two.takeDoor()], [true, false]);
    assert.deepEqual([one.takeArena(), two.takeArena()], [0, 1]);
    assert.deepEqual(two.others, [{ pid: process.pid, command: 'node' }]);
    assert.equal(two.doorHolder?.pid, process.pid);
    assert.equal(one.takeIrqs('0000:03:00.1'), true);
    assert.equal(two.takeIrqs('0000:03:00.1'), false);
    assert.equal(two.irqHolder('0000:03:00.1')?.pid, process.pid);
    assert.equal(two.irqHolder('0000:03:00.0'), undefined, 'each function its own');
    assert.equal(
      two.withArena(0, () => assert.fail('it is taken')),
      false,
    );
    one.close();
    assert.deepEqual([two.takeDoor(), two.takeIrqs('0000:03:00.1')], [true, true]);
    assert.deepEqual(two.others, []);
    let cleaned = false;
    assert.equal(
      two.withArena(0, () => {
        cleaned = true;
      }),
      true,
    );
    assert.ok(cleaned);
    two.close();
  });

  test('what a killed process had is free at once', async () => {
    const path = join(folder, 'lock');
    const program = `
      import { Ledger } from '${new URL('../lib/share/ledger.js', import.meta.url).href}';
      const ledger = new Ledger(${JSON.stringify(path)});
      console.log([ledger.takeDoor(), ledger.takeArena(), ledger.takeIrqs('0000:01:00.0')].join());
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    after(() => child.kill('SIGKILL'));
    assert.equal(String((await once(child.stdout, 'data'))[0]).trim(), 'true,0,true');
    const ledger = new Ledger(path);
    assert.equal(ledger.takeDoor(), false);
    assert.deepEqual(ledger.irqHolder('0000:01:00.0'), { pid: child.pid, command: 'node' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.deepEqual([ledger.takeDoor(), ledger.takeArena(), ledger.takeIrqs('0000:01:00.0')], [true, 0, true]);
    ledger.close();
  });

  test('there are so many arenas and no more', () => {
    const ledgers = Array.from({ length: ARENAS + 1 }, () => new Ledger(join(folder, 'lock')));
    assert.deepEqual(
      ledgers.map((ledger) => ledger.takeArena()),
      [0, 1, 2, 3, 4, 5, 6, 7, undefined],
    );
    for (const ledger of ledgers) ledger.close();
  });
});

describe('the folder', () => {
  const before = process.env.XDG_RUNTIME_DIR;
  afterEach(() => {
    if (before === undefined) delete process.env.XDG_RUNTIME_DIR;
    else process.env.XDG_RUNTIME_DIR = before;
  });

  test('it is in $XDG_RUNTIME_DIR and for this user alone', () => {
    process.env.XDG_RUNTIME_DIR = folder;
    assert.equal(runtimeFolder(), join(folder, 'vfiolab'));
    assert.equal(lstatSync(join(folder, 'vfiolab')).mode & 0o777, 0o700);
    assert.equal(runtimeFolder(), join(folder, 'vfiolab'), 'again');
  });

  test('a runtime folder that others can enter, or whose path is too long for a socket, is not used', () => {
    chmodSync(folder, 0o755);
    process.env.XDG_RUNTIME_DIR = folder;
    assert.equal(runtimeFolder(), `/tmp/vfiolab-${process.getuid?.()}`);
    const long = join(folder, 'x'.repeat(90));
    mkdirSync(long, { mode: 0o700 });
    process.env.XDG_RUNTIME_DIR = long;
    assert.equal(runtimeFolder(), `/tmp/vfiolab-${process.getuid?.()}`);
  });

  test('one that somebody else made there is refused, not used', () => {
    process.env.XDG_RUNTIME_DIR = folder;
    mkdirSync(join(folder, 'vfiolab'), { mode: 0o755 });
    chmodSync(join(folder, 'vfiolab'), 0o755);
    assert.throws(runtimeFolder, (error: Error) => {
      assert.ok(error instanceof SystemError);
      return /this user alone can enter.*rm -r/.test(error.message);
    });
    rmSync(join(folder, 'vfiolab'), { recursive: true });
    mkdirSync(join(folder, 'elsewhere'), { mode: 0o700 });
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'vfiolab'));
    assert.throws(runtimeFolder, SystemError);
  });
});

/** Files in the place of a card's: what is handed over is told by what is in it. */
function memory(text: string): number {
  const fd = libc().memfd(text, 0);
  libc().write(fd, new TextEncoder().encode(text), text.length);
  return fd;
}

function contents(fd: number | undefined): string {
  const bytes = new Uint8Array(16);
  const size = libc().pread(fd ?? -1, bytes, 16, 0);
  if (fd !== undefined) libc().close(fd);
  return new TextDecoder().decode(bytes.subarray(0, Math.max(size, 0)));
}

describe('what is asked for and answered', () => {
  const GROUP = 4_000_000_000;
  const share = (over: Partial<Share> = {}, way: 'group' | 'iommufd' = 'group'): Share => ({
    ...{ folder, group: GROUP, bdf: '0000:03:00.1', ranges: RANGES, opened: true, line: -1 },
    reach: {
      way,
      iommu: memory('iommu'),
      group: way === 'group' ? memory('group') : undefined,
      device: memory('device'),
      ioas: 7,
    },
    ...over,
  });
  const none = (): void => {};
  const connect = (): number => {
    const socket = sockets().connect(socketFile(folder, GROUP), 5000);
    assert.ok(socket >= 0, `${socket}`);
    return socket;
  };
  const reply = async (socket: number): Promise<Packet | 'gone'> => {
    let packet: Packet | 'none' | 'gone' = 'none';
    await until(() => {
      packet = receive(socket);
      return packet !== 'none';
    }, 'an answer');
    return packet as Packet | 'gone';
  };
  const ask = async (...words: number[]): Promise<Packet> => {
    const socket = connect();
    send(socket, words);
    const packet = await reply(socket);
    assert.ok(packet !== 'gone');
    assert.equal(await reply(socket), 'gone', 'the socket closes after each');
    libc().close(socket);
    return packet;
  };

  test('a group by its number: OK with the fd, NO_FD, ERR; the container', async () => {
    const sharer = new Sharer(share(), none, none);
    assert.equal(lstatSync(socketFile(folder, GROUP)).mode & 0o777, 0o600);
    assert.deepEqual(await ask(REQUEST.WAY), { words: [REPLY.OK, WAY.group], fds: [] });
    const container = await ask(REQUEST.CONTAINER);
    assert.deepEqual([container.words, contents(container.fds[0])], [[REPLY.OK], 'iommu']);
    const group = await ask(REQUEST.GROUP, GROUP);
    assert.deepEqual([group.words, contents(group.fds[0])], [[REPLY.OK], 'group']);
    assert.deepEqual(await ask(REQUEST.GROUP, 3_999_999_999), { words: [REPLY.ERR], fds: [] });
    if (existsSync('/sys/kernel/iommu_groups/0')) {
      assert.deepEqual(await ask(REQUEST.GROUP, 0), { words: [REPLY.NO_FD], fds: [] });
    }
    assert.deepEqual(await ask(REQUEST.IOAS, slotNumber('0000:03:00.1')), { words: [REPLY.NO_FD], fds: [] });
    assert.deepEqual(await ask(0x12345), { words: [REPLY.ERR], fds: [] });
    sharer.close();
    assert.equal(existsSync(socketFile(folder, GROUP)), false);
  });

  test('an IOAS: the iommufd and the device, and its id', async () => {
    const sharer = new Sharer(share({}, 'iommufd'), none, none);
    assert.deepEqual((await ask(REQUEST.WAY)).words, [REPLY.OK, WAY.iommufd]);
    const { words, fds } = await ask(REQUEST.IOAS, slotNumber('0000:03:00.1'));
    assert.deepEqual(
      [words, fds.map(contents)],
      [
        [REPLY.OK, 7],
        ['iommu', 'device'],
      ],
    );
    assert.deepEqual((await ask(REQUEST.IOAS, slotNumber('0000:03:00.2'))).words, [REPLY.NO_FD]);
    assert.deepEqual((await ask(REQUEST.CONTAINER)).words, [REPLY.ERR]);
    sharer.close();
  });

  const root = process.getuid?.() === 0 ? {} : { skip: 'to be another user: run it as root' };
  test('another user is answered nothing, even where the folder lets them in', root, async () => {
    const sharer = new Sharer(share(), none, none);
    const file = socketFile(folder, GROUP);
    chmodSync(folder, 0o755);
    chmodSync(file, 0o666);
    const asUser = async (uid: number): Promise<string> => {
      const program = `
        const { sockets } = await import('${new URL('../lib/share/sockets.js', import.meta.url).href}');
        const { receive, REQUEST, send } = await import('${new URL('../lib/share/protocol.js', import.meta.url).href}');
        process.setuid(${uid});
        const socket = sockets().connect('${file}', 5000);
        if (socket < 0) throw new Error('not let in: ' + socket);
        send(socket, [REQUEST.CONTAINER]);
        const packet = receive(socket, true);
        console.log(typeof packet === 'string' ? packet : packet.words[0] + ' with ' + packet.fds.length);`;
      const argv = ['--input-type=module', '-e', program];
      const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
      return (await text(child.stdout)).trim();
    };
    const said = [await asUser(0), await asUser(65_534)];
    sharer.close();
    assert.deepEqual(said, [`${REPLY.OK} with 1`, 'gone']);
  });

  test('every fd that is handed over is closed on exec', async () => {
    const sharer = new Sharer(share(), none, none);
    const [fd = -1] = (await ask(REQUEST.CONTAINER)).fds;
    const child = spawn('readlink', [`/proc/self/fd/${fd}`]);
    const [code] = await once(child, 'exit');
    assert.equal(code, 1, 'a child has it');
    libc().close(fd);
    sharer.close();
  });

  test('one that follows hears what befell the card, and takes over when the other is gone', async () => {
    // Whoever opened the card holds the door for as long as it has the card.
    const door = new Ledger(join(folder, `group-${GROUP}.lock`));
    assert.equal(door.takeDoor(), true);
    const heard: string[] = [];
    const first = new Sharer(share(), (blow) => heard.push(`first ${blow}`), none);
    const second = new Sharer(
      share({ opened: false }),
      (blow, at) => heard.push(`second ${blow} ${at}`),
      () => heard.push('serves'),
    );
    await ask(REQUEST.WAY);
    first.tell('err', 1_700_000_000_123);
    await until(() => heard.length === 1, 'the second hears');
    second.tell('req', 5);
    await until(() => heard.length === 2, 'the first hears');
    first.close();
    assert.deepEqual(heard, ['second err 1700000000123', 'first req']);
    door.close();
    await until(() => heard.includes('serves'), 'it takes over');
    assert.deepEqual((await ask(REQUEST.WAY)).words, [REPLY.OK, WAY.group]);
    second.close();
  });
});

test('an fd that is closed cannot be watched, and that ends nobody', () => {
  assert.throws(() => watch(9999, () => {}), /fd 9999 is closed/);
});

test('a simulated card is not shared, and says so', () => {
  assert.throws(() => open('sim:edu', { share: true }), UsageError);
  open('sim:edu', { share: 'join' }).close();
});
