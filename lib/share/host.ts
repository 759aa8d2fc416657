/** Main's end of the line to the thread that looks after its cards. */
import { Worker } from 'node:worker_threads';
import type { Blow } from '../fate.js';
import { type Blown, type Charge, STAGE, type ToAttendant } from './attendant.js';

/** How long letting go of a card may take, milliseconds. */
const PATIENCE = 30_000;

/** A Worker, or a MessagePort. */
export interface Line {
  on(event: 'message', listener: (blown: Blown) => void): unknown;
  postMessage(message: ToAttendant): void;
  unref(): void;
}

export class Host {
  readonly #line: Line;
  readonly #charged = new Map<number, { readonly stage: Int32Array; onBlow(blow: Blow, at: number): void }>();
  #charges = 0;

  constructor(line: Line) {
    this.#line = line;
    line.on('message', ({ id, blow, at }: Blown) => this.#charged.get(id)?.onBlow(blow, at));
    // Nobody who forgets to close a card is kept alive by it.
    line.unref();
  }

  /** @returns what `leave` takes. */
  watch(charge: Omit<Charge, 'id' | 'stage'>, onBlow: (blow: Blow, at: number) => void): number {
    const id = ++this.#charges;
    const shared = new SharedArrayBuffer(4);
    this.#charged.set(id, { stage: new Int32Array(shared), onBlow });
    this.#tell({ type: 'watch', charge: { ...charge, id, stage: shared } });
    return id;
  }

  /** Once it returns the thread holds nothing of that card. */
  leave(id: number): void {
    const stage = this.#charged.get(id)?.stage;
    if (stage === undefined) return;
    this.#charged.delete(id);
    // A thread that is still starting has nothing yet.
    if (Atomics.compareExchange(stage, 0, STAGE.ASKED, STAGE.LEFT) === STAGE.ASKED) return;
    this.#tell({ type: 'leave', id });
    Atomics.wait(stage, 0, STAGE.WATCHED, PATIENCE);
  }

  /** Leaves them all. */
  end(): void {
    for (const id of [...this.#charged.keys()]) this.leave(id);
  }

  #tell(message: ToAttendant): void {
    this.#line.postMessage(message);
  }
}

let host: Host | undefined;
let shares = false;

/** A thread of this process's own looks after every card that it opens, and they are shared unless told otherwise: the kernel's io thread. */
export function hostedBy(line: Line): void {
  host = new Host(line);
  shares = true;
}

/** What `open()` does where nothing is said. */
export const sharesByDefault = (): boolean => shares;

/** The thread that looks after cards, where there is one. */
export const hosted = (): Host | undefined => host;

/** The same; one is started where there is none. */
export function startHost(): Host {
  if (host) return host;
  // No arguments of this process's: they are for its main script.
  const worker = new Worker(new URL('./thread.js', import.meta.url), { execArgv: [], name: 'vfiolab cards' });
  worker.on('error', (error) => {
    process.emitWarning(`the thread that shares cards failed: ${error.message}`);
    host = undefined;
  });
  const own = new Host(worker);
  // Node ends threads where they stand, and koffi aborts where it stands in a call.
  process.on('exit', () => own.end());
  host = own;
  return host;
}
