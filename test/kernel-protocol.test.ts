/**
 * The messages themselves, as a front end of another kind has them: started by its kernelspec's own words, over tcp, one
 * identity on shell and stdin.
 *
 * Ref: jupyter-client, "Messaging in Jupyter"
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Dealer, Request, Subscriber } from 'zeromq';
import { address, type Connection } from '../kernel/connection.js';
import { install } from '../kernel/kernelspec.js';
import { type Header, type Json, type Message, Wire } from '../kernel/wire.js';
import { freePorts } from './ports.js';

type Channel = 'shell' | 'control';

interface Heard {
  readonly request: Header;
  readonly reply: Message | undefined;
  /** What iopub said of it, from busy to idle. */
  readonly seen: readonly Message[];
}

class FrontEnd {
  readonly child: ChildProcess;
  readonly connection: Connection;
  readonly #wire: Wire;
  readonly #channels: Readonly<Record<Channel | 'stdin', Dealer>>;
  readonly #iopub = new Subscriber();
  readonly #heard: Message[] = [];
  readonly #waiting = new Set<() => void>();

  /** As VS Code does it: the kernelspec's words, the folder of the notebook, the environment of its own Node. */
  static async start(folder: string): Promise<FrontEnd> {
    const prefix = path.join(folder, 'a conda environment');
    const spec = JSON.parse(readFileSync(path.join(install({ prefix }), 'kernel.json'), 'utf8')) as { argv: string[] };
    const [shell_port = 0, iopub_port = 0, stdin_port = 0, control_port = 0, hb_port = 0] = await freePorts(5);
    const connection: Connection = {
      ...{ transport: 'tcp', ip: '127.0.0.1', signature_scheme: 'hmac-sha256', key: 'a key' },
      ...{ shell_port, iopub_port, stdin_port, control_port, hb_port },
    };
    const file = path.join(folder, 'kernel-v2-1 (2).json');
    writeFileSync(file, JSON.stringify(connection));
    const [program = '', ...args] = spec.argv.map((word) => word.replace('{connection_file}', file));
    const notebook = path.join(folder, 'my notebooks');
    mkdirSync(notebook);
    const child = spawn(program, args, {
      cwd: notebook,
      env: {
        ...{ PATH: process.env.PATH, HOME: folder, ELECTRON_RUN_AS_NODE: '1', VSCODE_PID: '1', CONDA_PREFIX: prefix },
        ...{ NODE_ENV: 'production', JPY_PARENT_PID: String(process.pid), XDG_STATE_HOME: path.join(folder, 'state') },
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const frontEnd = new FrontEnd(child, connection);
    await frontEnd.#listen();
    return frontEnd;
  }

  private constructor(child: ChildProcess, connection: Connection) {
    this.child = child;
    this.connection = connection;
    this.#wire = new Wire(connection.key, 'front end');
    const dealer = (channel: Channel | 'stdin'): Dealer => {
      const socket = new Dealer({ routingId: this.#wire.session, linger: 0, reconnectInterval: 20 });
      socket.connect(address(connection, channel));
      void this.#read(socket);
      return socket;
    };
    this.#channels = { shell: dealer('shell'), control: dealer('control'), stdin: dealer('stdin') };
    this.#iopub.subscribe();
    this.#iopub.connect(address(connection, 'iopub'));
    void this.#read(this.#iopub);
  }

  async #read(socket: Dealer | Subscriber): Promise<void> {
    for await (const frames of socket) {
      this.#heard.push(this.#wire.decode(frames));
      for (const wake of this.#waiting) wake();
    }
  }

  /** A subscription takes effect a moment after the connection. */
  async #listen(): Promise<void> {
    const asking = setInterval(() => void this.#send('shell', 'kernel_info_request', {}), 200);
    await this.hear(({ header }) => header.msg_type === 'status');
    clearInterval(asking);
    await this.ask('control', 'kernel_info_request', {});
  }

  /** The first message that fits. */
  async hear(fits: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.#heard.find(fits);
      if (found) return found;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  async #send(channel: Channel | 'stdin', type: string, content: Json, parent: Partial<Header> = {}): Promise<Header> {
    const { header, frames } = this.#wire.encode({ type, content, parent });
    await this.#channels[channel].send(frames);
    return header;
  }

  async input(value: string, question: Message): Promise<void> {
    await this.#send('stdin', 'input_reply', { value }, question.header);
  }

  begin(channel: Channel, type: string, content: Json): Promise<Header> {
    return this.#send(channel, type, content);
  }

  /** All that came of a request, once it is idle again and, where one is due, the reply is there. */
  async outcome(request: Header, replied = true): Promise<Heard> {
    const own = ({ parent }: Message): boolean => parent.msg_id === request.msg_id;
    const replies = ({ header }: Message): boolean =>
      header.msg_type === request.msg_type.replace('_request', '_reply');
    await this.hear((message) => own(message) && message.content.execution_state === 'idle');
    const reply = replied
      ? await this.hear((message) => own(message) && replies(message) && message.idents.length === 0)
      : undefined;
    return { request, reply, seen: this.#heard.filter((message) => own(message) && message.idents.length > 0) };
  }

  async ask(channel: Channel, type: string, content: Json, replied = true): Promise<Heard> {
    return this.outcome(await this.begin(channel, type, content), replied);
  }

  async run(code: string, more: Json = {}): Promise<Heard> {
    return this.ask('shell', 'execute_request', { code, ...more });
  }

  end(): void {
    this.child.kill('SIGKILL');
    for (const socket of [...Object.values(this.#channels), this.#iopub]) socket.close();
  }
}

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
        assert.equal(header.version, '5.3');
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
      ...{ status: 'ok', protocol_version: '5.3', implementation: 'vfiolab' },
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
    const heart = new Request({ linger: 0 });
    heart.connect(address(frontEnd.connection, 'hb'));
    const spinning = await frontEnd.begin('shell', 'execute_request', { code: 'for (;;) {}' });
    await frontEnd.hear(
      ({ header, parent }) => header.msg_type === 'execute_input' && parent.msg_id === spinning.msg_id,
    );
    for (const bytes of [Buffer.from('ping'), Buffer.alloc(0), Buffer.from([0, 255, 1])]) {
      await heart.send(bytes);
      assert.deepEqual(await heart.receive(), [bytes]);
    }
    heart.close();
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
