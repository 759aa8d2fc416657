/**
 * The messages themselves, as a front end of another kind has them.
 *
 * Ref: jupyter-client, "Messaging in Jupyter"
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Subscriber } from 'zeromq';
import { address } from '../kernel/connection.js';
import { type Json, Wire } from '../kernel/wire.js';
import { type Channel, FrontEnd, type Heard } from './front-end.js';

const types = ({ seen }: Heard): string[] =>
  seen.map(({ header, content }) => String(content.execution_state ?? header.msg_type));
const contents = ({ seen }: Heard, type: string): Json[] =>
  seen.flatMap(({ header, content }) => (header.msg_type === type ? [content] : []));

describe('the protocol', { timeout: 300_000 }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'protocol-'));
  let frontEnd: FrontEnd;
  before(async () => {
    frontEnd = await FrontEnd.start(folder);
  });
  after(() => {
    frontEnd.end();
    rmSync(folder, { recursive: true, force: true });
  });

  test('while TypeScript loads it says what it is, and its heart beats', async () => {
    const first = await frontEnd.begin('shell', 'execute_request', { code: '1', silent: true });
    for (const channel of ['shell', 'control'] as const) {
      assert.equal((await frontEnd.ask(channel, 'kernel_info_request', {})).reply?.content.status, 'ok');
    }
    assert.deepEqual(await frontEnd.beat(Buffer.from('alive')), [Buffer.from('alive')]);
    assert.equal(frontEnd.answered(first), false);
    assert.equal((await frontEnd.outcome(first)).reply?.content.status, 'ok');
  });

  test('who subscribes is welcomed, signed; a topic is all that its subscriber hears', async () => {
    const { connection } = frontEnd;
    const subscriber = new Subscriber();
    subscriber.subscribe('stream');
    subscriber.connect(address(connection, 'iopub'));
    const wire = new Wire(connection.key, 'subscriber');
    const { idents, header, parent, content } = wire.decode(await subscriber.receive());
    assert.deepEqual([idents.map(String), header.msg_type], [['stream'], 'iopub_welcome']);
    assert.deepEqual([parent, content], [{}, { subscription: 'stream' }]);
    await frontEnd.run("console.log('heard'); 1");
    const heard = wire.decode(await subscriber.receive());
    assert.deepEqual([heard.header.msg_type, heard.content.text], ['stream', 'heard\n']);
    subscriber.close();
  });

  test('every request is answered with its own header as the parent, between a busy and an idle of its own', async () => {
    const code = { code: 'Math.floor', cursor_pos: 10 };
    const asked: [channel: Channel, type: string, content: Json, replied?: boolean][] = [
      ['shell', 'execute_request', { code: '1', silent: true }],
      ['shell', 'complete_request', code],
      ['shell', 'inspect_request', { ...code, detail_level: 1 }],
      ['shell', 'is_complete_request', { code: '1' }],
      ['shell', 'history_request', { hist_access_type: 'tail', n: 1, raw: true, output: false }],
      ['shell', 'comm_info_request', {}],
      ['shell', 'kernel_info_request', {}],
      ['shell', 'comm_open', { comm_id: 'c', target_name: 'vfiolab.view', data: {} }, false],
      ['shell', 'comm_msg', { comm_id: 'c', data: {} }, false],
      ['shell', 'comm_close', { comm_id: 'c', data: {} }, false],
      ['control', 'kernel_info_request', {}],
      ['control', 'interrupt_request', {}],
    ];
    for (const [channel, type, content, replied = true] of asked) {
      const heard = await frontEnd.ask(channel, type, content, replied);
      assert.deepEqual(types(heard), ['busy', 'idle'], type);
      for (const { parent, header } of [...heard.seen, ...(heard.reply ? [heard.reply] : [])]) {
        assert.deepEqual(parent, heard.request, type);
        assert.match(header.date, /^\d{4}-\d\d-\d\dT.*Z$/);
        assert.equal(header.version, '5.4');
      }
      if (replied) assert.equal(heard.reply?.content.status, type === 'is_complete_request' ? 'complete' : 'ok', type);
    }
  });

  test('kernel_info says what it is, the same on shell and on control', async () => {
    const { reply: shell } = await frontEnd.ask('shell', 'kernel_info_request', {});
    const { reply: control } = await frontEnd.ask('control', 'kernel_info_request', {});
    assert.deepEqual(shell?.content, control?.content);
    const { banner, implementation_version, language_info, vfiolab, ...rest } = shell?.content ?? {};
    assert.deepEqual(rest, {
      ...{ status: 'ok', protocol_version: '5.4', implementation: 'vfiolab' },
      ...{ help_links: [], debugger: false, supported_features: [] },
    });
    // What a front end that comes now has missed.
    assert.deepEqual(Object.keys(vfiolab as Json), ['pid', 'count']);
    assert.match(String(implementation_version), /^\d+\.\d+\.\d+/);
    assert.match(String(banner), /open\('sim:edu'\)/);
    assert.deepEqual(Object.keys(language_info as Json).sort(), [
      ...['codemirror_mode', 'file_extension', 'mimetype', 'name', 'nbconvert_exporter', 'pygments_lexer', 'version'],
    ]);
  });

  test('a cell: busy, its input, its outputs in order, its result, idle; and the reply', async () => {
    const code = "console.log('a'); display({ 'text/plain': 'b' }, { id: 'd' }); console.error('c'); 42";
    const heard = await frontEnd.run(code);
    const count = heard.reply?.content.execution_count;
    assert.deepEqual(types(heard), [
      ...['busy', 'execute_input', 'stream', 'display_data', 'stream', 'execute_result', 'idle'],
    ]);
    assert.deepEqual(contents(heard, 'execute_input'), [{ code, execution_count: count }]);
    assert.deepEqual(contents(heard, 'display_data'), [
      { data: { 'text/plain': 'b' }, metadata: {}, transient: { display_id: 'd' } },
    ]);
    assert.deepEqual(contents(heard, 'execute_result'), [
      { data: { 'text/plain': '42' }, metadata: {}, execution_count: count },
    ]);
    assert.deepEqual(heard.reply?.content, { status: 'ok', execution_count: count, payload: [], user_expressions: {} });
    // The topic is the type: a front end may subscribe to less.
    for (const { idents, header } of heard.seen) assert.deepEqual(idents.map(String), [header.msg_type]);
  });

  test('an error is in the reply as it is on iopub; what has not run is aborted', async () => {
    const slow = "await new Promise((r) => setTimeout(r, 100)); throw new RangeError('far')";
    const failing = await frontEnd.begin('shell', 'execute_request', { code: slow, user_expressions: { a: '1' } });
    const queued = await frontEnd.begin('shell', 'execute_request', { code: '2' });
    const heard = await frontEnd.outcome(failing);
    const { execution_count: count, ...content } = heard.reply?.content ?? {};
    const [error] = contents(heard, 'error');
    assert.deepEqual(Object.keys(error ?? {}).sort(), ['ename', 'evalue', 'traceback']);
    assert.deepEqual([error?.ename, error?.evalue], ['RangeError', 'far']);
    assert.deepEqual(content, { status: 'error', ...error, payload: [] });
    const aborted = await frontEnd.outcome(queued);
    assert.deepEqual([aborted.reply?.content.status, types(aborted)], ['aborted', ['busy', 'idle']]);
    const later = await frontEnd.run('3');
    assert.deepEqual([later.reply?.content.status, later.reply?.content.execution_count], ['ok', Number(count) + 1]);
  });

  test('silent and unstored cells do not count; their replies have the counter as it is', async () => {
    const { reply } = await frontEnd.run('1');
    const count = Number(reply?.content.execution_count);
    const silent = await frontEnd.run("console.log('unheard'); 2", { silent: true, store_history: true });
    assert.deepEqual([types(silent), silent.reply?.content.execution_count], [['busy', 'idle'], count]);
    const unstored = await frontEnd.run("console.log('heard')", { store_history: false });
    assert.equal(unstored.reply?.content.execution_count, count);
    assert.deepEqual(types(unstored), ['busy', 'execute_input', 'stream', 'idle']);
    const failed = await frontEnd.run("throw new Error('quietly')", { silent: true });
    assert.deepEqual([types(failed), failed.reply?.content.ename], [['busy', 'idle'], 'Error']);
    assert.equal((await frontEnd.run('3')).reply?.content.execution_count, count + 1);
  });

  test('user_expressions are evaluated after the cell, each by itself', async () => {
    const user_expressions = {
      ...{ twice: 'n * 2', picture: "new View('t', ['a'], [['b']])", wrong: 'n.nothing', thrown: 'fails()' },
    };
    const code = "const n = 21; function fails(): never { throw new RangeError('no') }";
    const heard = await frontEnd.run(code, { user_expressions });
    assert.deepEqual(types(heard), ['busy', 'execute_input', 'idle']);
    const told = heard.reply?.content.user_expressions as Record<keyof typeof user_expressions, Json>;
    assert.deepEqual(told.twice, { status: 'ok', data: { 'text/plain': '42' }, metadata: {} });
    assert.deepEqual(Object.keys(told.picture.data as Json).sort(), ['text/html', 'text/plain']);
    assert.deepEqual([told.wrong.status, told.wrong.ename], ['error', 'TypeScriptError']);
    assert.deepEqual([told.thrown.ename, told.thrown.evalue], ['RangeError', 'no']);
    assert.ok(Array.isArray(told.thrown.traceback));
  });

  test('nothing found and nothing to complete are no errors; indent is told where more is to come', async () => {
    const at = (code: string): Json => ({ code, cursor_pos: code.length });
    const inspected = await frontEnd.ask('shell', 'inspect_request', { ...at('nowhere'), detail_level: 0 });
    assert.deepEqual(inspected.reply?.content, { status: 'ok', found: false, data: {}, metadata: {} });
    const { reply } = await frontEnd.ask('shell', 'inspect_request', { ...at('Math.floor'), detail_level: 1 });
    assert.deepEqual(
      [reply?.content.found, Object.keys(reply?.content.data as Json)],
      [...[true, ['text/plain', 'text/markdown']]],
    );
    const { reply: none } = await frontEnd.ask('shell', 'complete_request', at('Math.nothingLikeIt'));
    assert.deepEqual([none?.content.status, none?.content.matches], ['ok', []]);
    const rows: [code: string, content: Json][] = [
      ['if (true) {', { status: 'incomplete', indent: '  ' }],
      ['1', { status: 'complete' }],
      ['const = 1', { status: 'invalid' }],
    ];
    for (const [code, content] of rows) {
      assert.deepEqual((await frontEnd.ask('shell', 'is_complete_request', { code })).reply?.content, content);
    }
  });

  test('comm_info tells the comms that are open, all or those of a target', async () => {
    for (const [comm_id, target_name] of [
      ['one', 'vfiolab.view'],
      ['two', 'vfiolab.view'],
    ]) {
      await frontEnd.ask('shell', 'comm_open', { comm_id, target_name, data: {} }, false);
    }
    const info = async (content: Json): Promise<unknown> =>
      (await frontEnd.ask('shell', 'comm_info_request', content)).reply?.content;
    await frontEnd.run("comms.open('other')");
    const { comms } = (await info({})) as { comms: Record<string, unknown> };
    assert.equal(Object.keys(comms).length, 3);
    const views = { one: { target_name: 'vfiolab.view' }, two: { target_name: 'vfiolab.view' } };
    assert.deepEqual(await info({ target_name: 'vfiolab.view' }), { status: 'ok', comms: views });
    assert.deepEqual(await info({ target_name: 'nobody' }), { status: 'ok', comms: {} });
    for (const comm_id of ['one', 'two']) await frontEnd.ask('shell', 'comm_close', { comm_id, data: {} }, false);
    assert.deepEqual(await info({ target_name: 'vfiolab.view' }), { status: 'ok', comms: {} });
  });

  test('the stylesheet comes again where the cell that had it was deleted', async () => {
    const styled = async (metadata: Json): Promise<boolean> => {
      const [result] = contents(await frontEnd.run("new View('t', ['a'], [['b']])", {}, metadata), 'execute_result');
      const { 'text/html': html } = (result?.data ?? {}) as Json;
      return String(html).includes('<style>');
    };
    assert.equal(await styled({ cellId: 'first', deletedCells: [] }), true);
    assert.equal(await styled({ cellId: 'second', deletedCells: ['another'] }), false);
    assert.equal(await styled({ cellId: 'third', deletedCells: ['another', 'first'] }), true);
    assert.equal(await styled({ cellId: 'second' }), false);
    assert.equal(await styled({ cellId: 'third' }), true);
  });

  test('a question goes to whoever ran the cell, on stdin, and only where it may', async () => {
    const request = await frontEnd.begin('shell', 'execute_request', {
      ...{ code: "await input('word ', { password: true })", allow_stdin: true },
    });
    const question = await frontEnd.hear(({ header }) => header.msg_type === 'input_request');
    assert.deepEqual([question.content, question.parent], [{ prompt: 'word ', password: true }, request]);
    await frontEnd.input('secret', question);
    const [result] = contents(await frontEnd.outcome(request), 'execute_result');
    assert.deepEqual(result?.data, { 'text/plain': "'secret'" });
    for (const more of [{ allow_stdin: false }, {}]) {
      const { reply } = await frontEnd.run('await input()', more);
      assert.equal(reply?.content.evalue, 'input: this front end takes no input');
    }
  });

  test('what it does not know is passed over, also known messages with strange contents', async () => {
    await frontEnd.begin('shell', 'connect_request', {});
    await frontEnd.begin('control', 'debug_request', { type: 'request', command: 'initialize' });
    await frontEnd.begin('shell', 'comm_open', {});
    for (const content of [{}, { code: 7 }, { code: null, user_expressions: null, more: [1] }]) {
      assert.equal((await frontEnd.ask('shell', 'execute_request', content)).reply?.content.status, 'ok');
    }
    const odd: [type: string, content: Json][] = [
      ['complete_request', {}],
      ['complete_request', { code: 'Math.', cursor_pos: -3 }],
      ['inspect_request', { code: 'x', cursor_pos: 1e9 }],
      ['is_complete_request', {}],
      ['history_request', {}],
      ['history_request', { hist_access_type: 'range', session: '../..', start: {}, stop: [] }],
      ['history_request', { hist_access_type: 'search', n: -1, pattern: 7 }],
      ['comm_info_request', { target_name: 7 }],
    ];
    for (const [type, content] of odd) {
      const { reply } = await frontEnd.ask('shell', type, content);
      assert.notEqual(reply?.content.status, 'error', `${type} ${JSON.stringify(content)}`);
    }
  });

  test('the heartbeat is an echo of any bytes, also while a cell spins', async () => {
    const spinning = await frontEnd.begin('shell', 'execute_request', { code: 'for (;;) {}' });
    await frontEnd.hear(
      ({ header, parent }) => header.msg_type === 'execute_input' && parent.msg_id === spinning.msg_id,
    );
    for (const bytes of [Buffer.from('ping'), Buffer.alloc(0), Buffer.from([0, 255, 1])]) {
      assert.deepEqual(await frontEnd.beat(bytes), [bytes]);
    }
    const { reply } = await frontEnd.ask('control', 'interrupt_request', {});
    assert.deepEqual(reply?.content, { status: 'ok' });
    assert.equal((await frontEnd.outcome(spinning)).reply?.content.ename, 'KeyboardInterrupt');
  });

  test('a shutdown may come on shell too, past a cell that spins; it is told to everybody', async () => {
    await frontEnd.run("const dev = open('sim:edu')");
    const exited = once(frontEnd.child, 'exit');
    await frontEnd.begin('shell', 'execute_request', { code: 'for (;;) {}' });
    const { reply, seen } = await frontEnd.ask('shell', 'shutdown_request', { restart: true });
    assert.deepEqual(reply?.content, { status: 'ok', restart: true });
    assert.deepEqual(
      seen.map(({ header }) => header.msg_type),
      ['status', 'shutdown_reply', 'status'],
    );
    assert.deepEqual(await exited, [0, null]);
  });
});
