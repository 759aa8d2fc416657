/** `browse()` in the kernel: what it reads and what it leaves alone, faults, writes, and the comm of a front end. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Browse } from '../kernel/browse.js';
import type { BrowseAnswer, Browsed, ReadAnswer, WriteAnswer } from '../kernel/browsed.js';
import { KernelClient } from '../kernel/client.js';
import { type End, Ends } from '../kernel/ends.js';
import type { Json, Message } from '../kernel/wire.js';
import type { Backend, Width } from '../lib/backend.js';
import { EDU, EDU_DMA_MASK } from '../lib/hw/edu.js';
import { r32 } from '../lib/map.js';
import { open } from '../lib/open.js';
import { toText } from '../lib/print.js';
import { Region } from '../lib/region.js';
import { VIEW } from '../lib/view.js';
import { fileCard } from './filecard.js';
import { Bench } from './kernel-bench.js';

const read = (browse: Browse, offset: number, length: number, width: Width = 32, fragile = false): ReadAnswer => {
  const answer = browse.answer({ id: 1, act: 'read', offset, length, width, fragile });
  assert.equal(answer.act, 'read');
  return answer as ReadAnswer;
};
const write = (browse: Browse, offset: number, value: string, width: Width = 32): WriteAnswer => {
  const answer = browse.answer({ id: 2, act: 'write', offset, width, value });
  assert.equal(answer.act, 'write');
  return answer as WriteAnswer;
};
const words = ({ bytes }: ReadAnswer): string => Buffer.from(bytes, 'base64').toString('hex');

/** A map with a FIFO, and a region that counts what is read of it. */
const FIFO = { STATUS: r32(0x00), DATA: r32(0x08, {}, 'rclr'), KICK: r32(0x0c, {}, 'wo') };

describe('what is read', () => {
  test('with exactly the width asked for, around what reading would change, which is read when that is asked', () => {
    const accesses: string[] = [];
    const card = fileCard([{ index: 0, size: 4096 }]);
    const spy = {
      path: 'card',
      read: (index: number, offset: number, width: Width) => card.access.read(index, offset, width),
      write: (index: number, offset: number, width: Width, value: number) =>
        card.access.write(index, offset, width, value),
      readBlock: (index: number, offset: number, width: Width, into: Uint8Array) => {
        accesses.push(`${offset}+${into.length}/${width}`);
        card.access.readBlock(index, offset, width, into);
      },
    };
    const [info] = card.regions;
    assert.ok(info);
    const region = new Region(spy as unknown as Backend, info);
    region.registers(FIFO);
    const browse = new Browse(region, {});
    assert.match(
      toText(browse[VIEW]()),
      /^card\/bar0, not read: DATA\n {2}00000000 {2}00000000 00000000 -------- 00000000/,
    );
    assert.deepEqual(accesses.splice(0), ['0+8/32', '12+244/32']);

    assert.deepEqual(read(browse, 0, 16).unread, [[8, 4]]);
    assert.deepEqual(read(browse, 0, 16, 64).unread, [[8, 8]]);
    assert.deepEqual(accesses.splice(0), ['0+8/32', '12+4/32', '0+8/64']);
    assert.deepEqual(read(browse, 8, 4, 32, true).unread, []);
    assert.deepEqual(accesses.splice(0), ['8+4/32']);

    // Neither is read back.
    assert.deepEqual(write(browse, 8, '1'), { id: 2, act: 'write', unread: 'reading DATA changes it' });
    assert.deepEqual(write(browse, 12, '1'), { id: 2, act: 'write', unread: 'KICK is write-only' });
    assert.deepEqual(accesses.splice(0), []);
    assert.deepEqual(write(browse, 0, '7'), { id: 2, act: 'write', value: '7' });
    assert.deepEqual(accesses, ['0+4/32']);
    card.close();
  });

  test('faults are told access by access, and the rest is read', () => {
    const card = fileCard([{ index: 0, size: 8192, mapped: [{ offset: 0, size: 8192 }], present: 4096 }]);
    const [info] = card.regions;
    assert.ok(info);
    const region = new Region(Object.assign(card.access, { path: 'card' }) as unknown as Backend, info);
    region.write32(4092, 0x12345678);
    const browse = new Browse(region, { offset: 4080 });
    assert.match(
      toText(browse[VIEW]()),
      /bar0.*SIGBUS.*\n {2}00000ff0 {2}00000000 00000000 00000000 12345678 .*\n {2}00001000 {2}-------- /,
    );
    const answer = read(browse, 4088, 16);
    assert.equal(words(answer).slice(0, 16), '0000000078563412');
    assert.deepEqual(answer.failed, [
      [8, 4],
      [12, 4],
    ]);
    assert.match(answer.failure ?? '', /SIGBUS/);
    assert.match(write(browse, 4096, '1').failure ?? '', /SIGBUS/);
    card.close();
  });

  test('a width that cannot be is a failure in words, and so is nonsense', () => {
    const card = fileCard([{ index: 0, size: 4096 }]);
    const [info] = card.regions;
    assert.ok(info);
    const region = new Region(Object.assign(card.access, { path: 'card' }) as unknown as Backend, info);
    const browse = new Browse(region, {});
    const nonsense: Record<string, unknown>[] = [
      { act: 'read', offset: 2, length: 4, width: 32 },
      { act: 'read', offset: 0, length: 4, width: 24 },
      { act: 'read', offset: 'x', length: 4, width: 32 },
      { act: 'read', offset: 0, width: 32 },
      { act: 'read', offset: 4096, length: 4, width: 32 },
      { act: 'write', offset: 0, width: 32, value: '0x1_' },
      { act: 'write', offset: 0, width: 8, value: '256' },
      {},
    ];
    for (const request of nonsense) {
      const { failure } = browse.answer({ id: 9, ...request });
      assert.ok(failure, JSON.stringify(request));
    }
    assert.equal(browse.answer({ id: 9, act: 'write', offset: 0, width: 8, value: '256' }).id, 9);
    card.close();
  });

  test('of a card or a buffer that was closed it is told that it is gone', () => {
    const dev = open('sim:edu');
    const buffer = dev.dma(4096, { mask: EDU_DMA_MASK });
    const ofBuffer = new Browse(buffer, {});
    assert.deepEqual(
      [ofBuffer.browsed.base, ofBuffer.browsed.width, ofBuffer.browsed.size],
      [`${buffer.iova}`, 8, 4096],
    );
    assert.deepEqual(write(ofBuffer, 4, `${0xfeed}`, 16), { id: 2, act: 'write', value: `${0xfeed}` });
    assert.deepEqual([...buffer.bytes.subarray(4, 6)], [0xed, 0xfe]);
    assert.equal(words(read(ofBuffer, 4, 2, 8)), 'edfe');
    const edu = dev.bar(0).registers(EDU);
    const ofRegister = new Browse(edu.STATUS, {});
    assert.equal(ofRegister.browsed.offset, 0x20);
    assert.ok(ofRegister.browsed.registers.some(({ name, offset }) => name === 'STATUS' && offset === 0x20));
    dev.close();
    for (const browse of [ofBuffer, ofRegister]) {
      for (const act of ['read', 'write']) {
        const answer: BrowseAnswer = browse.answer({ id: 3, act, offset: 0, length: 4, width: 32, value: '0' });
        assert.match(answer.gone ?? '', /closed|freed/);
      }
    }
    assert.match(toText(ofBuffer[VIEW]()), /00001000 /);
  });

  test('config space is browsed with the registers of its capabilities', () => {
    const dev = open('sim:edu');
    const { registers, path } = new Browse(dev.config, {}).browsed;
    assert.equal(path, 'sim:edu/config');
    const offsets = new Map(registers.map(({ name, offset }) => [name, offset]));
    assert.deepEqual([offsets.get('COMMAND'), offsets.get('MSI.CONTROL')], [4, 0x42]);
    assert.ok(registers.every(({ offset }, n) => offset >= (registers[n - 1]?.offset ?? 0)));
    dev.close();
  });

  test('only what can be browsed is, where it can', () => {
    const dev = open('sim:edu');
    assert.throws(() => new Browse({}, {}), { name: 'UsageError', message: /browse\(dev\.bar\(0\)\)/ });
    assert.throws(() => new Browse(dev.bar(0), { offset: -1 }), { name: 'UsageError' });
    assert.throws(() => new Browse(dev.bar(0), { offset: 0x100000 }), { name: 'UsageError' });
    assert.throws(() => new Browse(dev.bar(0), { width: 24 as Width }), { name: 'UsageError' });
    dev.close();
  });
});

test("a front end closes the comms that it knows nothing of, and leaves another's alone", () => {
  const sent: unknown[] = [];
  const ends = new Ends((type, { comm_id }) => sent.push([type, comm_id]));
  const heard = (msg_type: string, content: Json, own = true): boolean =>
    ends.hear({ header: { msg_type }, content } as unknown as Message, own);
  const known: End[] = [];
  ends.target('known', (end) => known.push(end));
  assert.equal(heard('comm_open', { comm_id: 'a', target_name: 'unknown' }), true);
  assert.equal(heard('comm_open', { comm_id: 'b', target_name: 'unknown' }, false), false);
  assert.equal(heard('comm_open', { comm_id: 'c', target_name: 'known', data: { n: 1 } }), true);
  assert.deepEqual(sent.splice(0), [['comm_close', 'a']]);
  const [end] = known;
  assert.ok(end);
  assert.deepEqual(end.data, { n: 1 });
  const told: unknown[] = [];
  end.onMessage = (data) => told.push(data);
  end.onClose = (why) => told.push(why);
  assert.equal(heard('comm_msg', { comm_id: 'b', data: {} }), false);
  assert.equal(heard('comm_msg', { comm_id: 'c', data: { n: 2 } }, false), true);
  end.send({ n: 3 });
  ends.lose('gone');
  ends.lose('gone again');
  assert.equal(heard('comm_msg', { comm_id: 'c', data: { n: 4 } }), false);
  assert.deepEqual(told, [{ n: 2 }, 'gone']);
  assert.deepEqual(sent, [['comm_msg', 'c']]);
});

describe('over the comm', { timeout: 300_000 }, () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start({ views: true });
    await bench.run("const dev = open('sim:edu'); const edu = dev.bar(0).registers(EDU)");
  });
  after(() => bench.end());

  /** What `code` opens, where the front end knows the target. */
  const opened = (code: string): Promise<End> =>
    new Promise((resolve, reject) => {
      bench.kernel.onBrowse(resolve);
      bench.run(code).then(({ reply }) => reply.status === 'ok' || reject(new Error(reply.evalue)), reject);
    });
  const ask = (end: End, request: Record<string, unknown>): Promise<Record<string, unknown>> =>
    new Promise((resolve) => {
      end.onMessage = resolve;
      end.send(request);
    });

  test('a front end that does not know it has the hexdump, and nothing else', async () => {
    // It is not even opened: a notebook would call it an error.
    const { outputs, result } = await bench.run('browse(dev.bar(0))');
    assert.equal(outputs.length, 1);
    assert.match(result ?? '', /^sim:edu\/bar0\n {2}00000000 {2}010000ed /);
  });

  test('one that does is told what there is, and reads and writes while no cell runs', async () => {
    const end = await opened('browse(edu.STATUS)');
    const browsed = end.data as unknown as Browsed;
    assert.deepEqual([browsed.path, browsed.size, browsed.offset, browsed.width], ['sim:edu/bar0', 1 << 20, 0x20, 32]);
    const status = browsed.registers.find(({ name }) => name === 'STATUS');
    assert.deepEqual(
      status?.fields.map(({ name, lsb }) => [name, lsb]),
      [
        ['IRQ', 7],
        ['COMPUTING', 0],
      ],
    );
    assert.equal((await ask(end, { id: 1, act: 'write', offset: 0x20, width: 32, value: '128' })).value, '128');
    assert.equal((await ask(end, { id: 2, act: 'read', offset: 0x20, length: 4, width: 32 })).bytes, 'gAAAAA==');
    assert.equal(await bench.value('edu.STATUS.read().IRQ'), 1);
    end.close();
  });

  test('while a cell waits it is answered; while one loops, after that', async () => {
    const end = await opened('browse(dev.bar(0))');
    const waiting = bench.run('await new Promise((done) => setTimeout(done, 30_000))');
    assert.equal((await ask(end, { id: 1, act: 'read', offset: 0, length: 4, width: 32 })).bytes, '7QAAAQ==');
    await bench.kernel.interrupt();
    await waiting;
    const looping = bench.run('for (const end = performance.now() + 700; performance.now() < end; );');
    const asked = ask(end, { id: 2, act: 'read', offset: 0, length: 4, width: 32 });
    assert.equal((await asked).id, 2);
    assert.equal((await looping).reply.status, 'ok');
    end.close();
  });

  test('what a cell browses is for the front end that ran it, also of several', async () => {
    const other = await KernelClient.join(String(await bench.value('process.argv[2]')));
    const seen: string[] = [];
    bench.kernel.onBrowse(() => seen.push('the first'));
    other.onBrowse((end) => {
      seen.push('the other');
      end.close();
    });
    await bench.run('browse(dev.bar(0))');
    await other.execute('browse(dev.bar(0))', { onOutput: () => {} });
    assert.deepEqual(seen, ['the first', 'the other']);
    await other.leave();
  });

  test('a closed card is told, and the end of the kernel too', async () => {
    const end = await opened("dev.close(); const other = open('sim:edu'); browse(other.bar(0))");
    await bench.run('other.close()');
    assert.match(String((await ask(end, { id: 1, act: 'read', offset: 0, length: 4, width: 32 })).gone), /closed/);
    const why = new Promise<string>((resolve) => {
      end.onClose = resolve;
    });
    process.kill(bench.kernel.pid, 'SIGKILL');
    assert.match(await why, /ended.*SIGKILL/);
  });
});
