/** Signed messages, cursors, and what a kernel does with messages that are none. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Dealer } from 'zeromq';
import { address, readConnection } from '../kernel/connection.js';
import { codePoints, MalformedMessage, utf16Units, Wire } from '../kernel/wire.js';
import { Bench } from './kernel-bench.js';

const bytes = (frames: readonly (Uint8Array | string)[]): Buffer[] =>
  frames.map((frame) => Buffer.from(frame as string));

describe('wire', () => {
  const wire = new Wire('secret', 'test');

  test('a message comes back as it was sent', () => {
    const { header, frames } = wire.encode({ type: 'execute_request', content: { code: 'µ' }, idents: ['who'] });
    const message = wire.decode(bytes(frames));
    assert.deepEqual(message.header, header);
    assert.deepEqual(message.content, { code: 'µ' });
    assert.deepEqual(message.idents.map(String), ['who']);
  });

  test('the signature covers every part', () => {
    const { frames } = wire.encode({ type: 'x', content: { a: 1 } });
    assert.match(String(frames[1]), /^[0-9a-f]{64}$/);
    for (const part of [1, 2, 3, 4, 5]) {
      const changed = bytes(frames);
      changed[part] = Buffer.concat([changed[part] as Buffer, Buffer.from(' ')]);
      assert.throws(() => wire.decode(changed), MalformedMessage, `part ${part}`);
    }
    assert.throws(() => new Wire('other', 'test').decode(bytes(frames)), MalformedMessage);
  });

  test('what is no message is refused', () => {
    const plain = new Wire('', 'test');
    const rows = [
      [],
      ['<IDS|MSG>'],
      ['<IDS|MSG>', '', '{}', '{}', '{}', '{}'],
      ['a', 'b'],
      ['<IDS|MSG>', '', '[]', '{}', '{}', '{'],
    ];
    for (const row of rows) assert.throws(() => plain.decode(bytes(row)), MalformedMessage, row.join(' '));
  });

  test('cursors are counted in code points on the wire', () => {
    const text = 'a😀µ';
    assert.deepEqual(
      [0, 1, 3, 4].map((at) => codePoints(text, at)),
      [0, 1, 2, 3],
    );
    assert.deepEqual(
      [0, 1, 2, 3, 9].map((at) => utf16Units(text, at)),
      [0, 1, 3, 4, 4],
    );
  });
});

describe('a kernel and a stranger', { timeout: 120_000 }, () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start();
  });
  after(() => bench.end());

  test('unsigned, wrongly signed, garbled and unknown messages are dropped; the kernel goes on', async () => {
    const [file = ''] = readFileSync(`/proc/${bench.kernel.pid}/cmdline`, 'utf8').split('\0').slice(-2);
    const connection = readConnection(file);
    const socket = new Dealer({ linger: 1000 });
    socket.connect(address(connection, 'shell'));
    const strange = new Wire('not the key', 'stranger');
    const known = new Wire(connection.key, 'stranger');
    const code = 'globalThis.hacked = true';
    await socket.send(strange.encode({ type: 'execute_request', content: { code } }).frames);
    await socket.send(new Wire('', 'stranger').encode({ type: 'execute_request', content: { code } }).frames);
    await socket.send(['garbage']);
    await socket.send(known.encode({ type: 'no_such_request', content: {} }).frames);
    await socket.send(known.encode({ type: 'comm_msg', content: { comm_id: 'none' } }).frames);
    // The last one is heard, on the same socket.
    await socket.send(known.encode({ type: 'kernel_info_request', content: {} }).frames);
    const reply = known.decode(await socket.receive());
    socket.close();
    assert.equal(reply.header.msg_type, 'kernel_info_reply');
    assert.equal(await bench.value('typeof (globalThis as { hacked?: unknown }).hacked'), 'undefined');
    const log = readFileSync(file.replace('connection.json', 'log'), 'utf8');
    assert.equal(log.match(/dropped a message: the signature does not match/g)?.length, 2);
    assert.match(log, /dropped a message: frames are missing/);
    assert.match(log, /no answer to no_such_request/);
  });
});
