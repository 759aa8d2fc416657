/** The queue of cells: one runs on main, the others wait here, where they can still be aborted. */
import type { Comms } from './comms.js';
import type { History } from './history.js';
import type { Iopub } from './iopub.js';
import { Stylesheets } from './stylesheet.js';
import type { ToIo, ToMain } from './threads.js';
import type { Header, Json, Message } from './wire.js';

type Done = Extract<ToIo, { type: 'done' }>;
type Output = Exclude<ToIo, { type: 'comm' | 'done' | 'input' | 'pipes' | 'sigint' | 'end' }>;
type Picture = Exclude<Output, { type: 'stream' | 'clear' }>;

interface Running {
  readonly message: Message;
  readonly cell: number;
  readonly count: number;
  readonly silent: boolean;
  /** Whether it has a number of its own. */
  readonly counts: boolean;
}

/** So many cells' requests are known. */
const REMEMBERED = 1000;

export interface ExecutionsParts {
  readonly iopub: Iopub;
  readonly comms: Comms;
  readonly history: History;
  readonly tell: (message: ToMain) => void;
  readonly reply: (to: Message, content: Json) => void;
}

export class Executions {
  readonly #parts: ExecutionsParts;
  readonly #waiting: { readonly message: Message; aborted: boolean }[] = [];
  /** Who asked for each cell: output of a cell's timers comes long after it. */
  readonly #parents = new Map<number, Header>();
  readonly #stylesheets = new Stylesheets();
  #running: Running | undefined;
  #shown: number | undefined;
  #cells = 0;
  #count = 0;

  constructor(parts: ExecutionsParts) {
    this.#parts = parts;
  }

  /** The number of the cell that runs now. */
  get running(): number | undefined {
    return this.#running?.cell;
  }

  /** What a front end that comes now has missed: how many cells there were, and the one that runs. */
  get now(): Json {
    const { message, silent } = this.#running ?? {};
    const running = message &&
      !silent && { id: message.header.msg_id, code: String(message.content.code ?? ''), since: message.header.date };
    return { pid: process.pid, count: this.#count, ...(running && { running }) };
  }

  /** The request that a cell runs for, as long as it runs. */
  request(cell: number): Message | undefined {
    return this.#running?.cell === cell ? this.#running.message : undefined;
  }

  /** The number of the cell that output belongs to which does not say whose it is; none while a silent one runs. */
  get shown(): number | undefined {
    return this.#running?.silent ? undefined : this.#shown;
  }

  /** On stderr, beside the output of the last cell. */
  tell(text: string): void {
    this.output({ type: 'stream', cell: this.#shown ?? 0, name: 'stderr', text });
    this.#parts.iopub.flush();
  }

  /** Who asked for a cell. */
  parent(cell: number | undefined): Partial<Header> {
    return (cell === undefined ? undefined : this.#parents.get(cell)) ?? {};
  }

  add(message: Message): void {
    this.#waiting.push({ message, aborted: false });
    this.#next();
  }

  output(output: Output): void {
    const parent = this.#parent(output.cell);
    const { iopub } = this.#parts;
    if (output.type === 'stream') iopub.stream(output.name, output.text, parent);
    else if (output.type === 'clear') {
      this.#stylesheets.cleared(output.cell, parent.session);
      iopub.publish('clear_output', { wait: output.wait }, parent);
    } else this.#picture(output, parent);
  }

  /** Those that still say something are not forgotten. */
  #parent(cell: number): Partial<Header> {
    const parent = this.#parents.get(cell);
    if (!parent) return {};
    this.#parents.delete(cell);
    this.#parents.set(cell, parent);
    return parent;
  }

  #picture(output: Picture, parent: Partial<Header>): void {
    const { iopub } = this.#parts;
    if (output.view) this.#parts.comms.show(output.view, parent);
    const { metadata } = output;
    const data = this.#stylesheets.dress(output, parent.session);
    if (output.type === 'result') {
      const execution_count = this.#running?.count ?? this.#count;
      if (this.#running?.counts) this.#parts.history.result(execution_count, data['text/plain']);
      iopub.publish('execute_result', { data, metadata, execution_count }, parent);
    } else {
      const { displayId: display_id, standing } = output;
      const transient = { ...(display_id !== undefined && { display_id }), ...(standing && { vfiolab: standing }) };
      const type = output.type === 'display' ? 'display_data' : 'update_display_data';
      iopub.publish(type, { data, metadata, transient }, parent);
    }
  }

  done({ cell, error, expressions }: Done): void {
    const running = this.#running;
    if (!running || running.cell !== cell) return;
    const { message, count, silent } = running;
    const { iopub, reply } = this.#parts;
    if (error && !silent) iopub.publish('error', { ...error }, message.header);
    iopub.flush();
    const outcome = error ? { status: 'error', ...error } : { status: 'ok', user_expressions: expressions };
    const answer = (): void => {
      reply(message, { ...outcome, execution_count: count, payload: [] });
      iopub.status('idle', message.header);
      this.#proceed();
    };
    if (!error || message.content.stop_on_error === false) answer();
    else this.#abortQueued(answer);
  }

  /** Aborts what has arrived, also what is still in the socket: before the reply, so that nothing asked after it is among them. */
  #abortQueued(then: () => void): void {
    const look = (seen: number): void => {
      if (this.#waiting.length > seen) {
        setImmediate(look, this.#waiting.length);
        return;
      }
      for (const each of this.#waiting) each.aborted = true;
      then();
    };
    setImmediate(look, -1);
  }

  #proceed(): void {
    this.#running = undefined;
    this.#next();
  }

  #next(): void {
    while (!this.#running) {
      const next = this.#waiting.shift();
      if (!next) return;
      const { message, aborted } = next;
      const { iopub, reply } = this.#parts;
      iopub.status('busy', message.header);
      if (aborted) {
        reply(message, { status: 'aborted', execution_count: this.#count, payload: [], user_expressions: {} });
        iopub.status('idle', message.header);
      } else {
        this.#run(message);
      }
    }
  }

  #run(message: Message): void {
    const { code, silent, store_history, user_expressions } = message.content;
    const text = String(code ?? '');
    const counts = silent !== true && store_history !== false;
    if (counts) this.#parts.history.add(++this.#count, text);
    const cell = ++this.#cells;
    this.#parents.set(cell, message.header);
    if (this.#parents.size > REMEMBERED) this.#parents.delete(this.#parents.keys().next().value ?? 0);
    this.#stylesheets.begin(cell, message);
    this.#running = { message, cell, count: this.#count, silent: silent === true, counts };
    if (silent !== true) {
      this.#shown = cell;
      this.#parts.iopub.publish('execute_input', { code: text, execution_count: this.#count }, message.header);
    }
    this.#parts.tell({
      type: 'execute',
      cell,
      code: text,
      count: counts ? this.#count : 0,
      silent: silent === true,
      expressions: (user_expressions ?? {}) as Record<string, string>,
    });
  }
}
