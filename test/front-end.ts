/**
 * A front end that is not ours: it starts a kernel by its kernelspec's own words, as VS Code does, speaks to it over tcp, and has
 * one identity on shell and stdin.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Dealer, Request, Subscriber } from 'zeromq';
import { address, type Connection } from '../kernel/connection.js';
import { install } from '../kernel/kernelspec.js';
import { type Header, type Json, type Message, Wire } from '../kernel/wire.js';
import { freePorts } from './ports.js';

export type Channel = 'shell' | 'control';

export interface Heard {
  readonly request: Header;
  readonly reply: Message | undefined;
  /** What iopub said of it, from busy to idle. */
  readonly seen: readonly Message[];
}

export class FrontEnd {
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

  /** The first thing that iopub says, unasked. */
  async #listen(): Promise<void> {
    await this.hear(({ header }) => header.msg_type === 'iopub_welcome');
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

  async #send(
    channel: Channel | 'stdin',
    type: string,
    content: Json,
    more: { readonly parent?: Header; readonly metadata?: Json } = {},
  ): Promise<Header> {
    const { header, frames } = this.#wire.encode({ type, content, ...more });
    await this.#channels[channel].send(frames);
    return header;
  }

  async input(value: string, question: Message): Promise<void> {
    await this.#send('stdin', 'input_reply', { value }, { parent: question.header });
  }

  begin(channel: Channel, type: string, content: Json, metadata: Json = {}): Promise<Header> {
    return this.#send(channel, type, content, { metadata });
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

  async run(code: string, more: Json = {}, metadata: Json = {}): Promise<Heard> {
    return this.outcome(await this.begin('shell', 'execute_request', { code, ...more }, metadata));
  }

  /** Whether a request has its reply. */
  answered({ msg_id }: Header): boolean {
    return this.#heard.some(({ parent, header }) => parent.msg_id === msg_id && header.msg_type.endsWith('_reply'));
  }

  /** What the heart says to these bytes. */
  async beat(bytes: Uint8Array): Promise<Buffer[]> {
    const heart = new Request({ linger: 0 });
    heart.connect(address(this.connection, 'hb'));
    await heart.send(bytes);
    const echo = await heart.receive();
    heart.close();
    return echo;
  }

  end(): void {
    this.child.kill('SIGKILL');
    for (const socket of [...Object.values(this.#channels), this.#iopub]) socket.close();
  }
}
