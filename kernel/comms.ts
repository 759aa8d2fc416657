/**
 * Comms: side channels between the front end and a cell (channel.ts), opened by either. Two targets are our own. `vfiolab.view`: whoever
 * opens it gets the View behind an output as a message of its own, just before the output. `vfiolab.browse`: whoever opens it has a
 * browser, and what its own cells browse is opened to it; to other front ends that comm would be an error.
 */
import type { ViewData } from '../lib/view.js';
import { BROWSE_TARGET } from './browsed.js';
import type { Iopub } from './iopub.js';
import type { CommEvent } from './threads.js';
import type { Header, Json } from './wire.js';

export const VIEW_TARGET = 'vfiolab.view';
/** Main answers it: status.ts. */
export const STATUS_TARGET = 'vfiolab.status';

export class Comms {
  /** Targets, by the ids of the comms that are open. */
  readonly #open = new Map<string, string>();
  /** Sessions of the front ends that have a browser, by the comms that said so. */
  readonly #browsers = new Map<string, string>();
  readonly #iopub: Iopub;
  readonly #tell: (event: CommEvent) => void;

  /** @param tell the cells, of what the front end does */
  constructor(iopub: Iopub, tell: (event: CommEvent) => void) {
    this.#iopub = iopub;
    this.#tell = tell;
  }

  /** @param session the front end's */
  open(content: Json, session: string): void {
    const event = eventOf('open', content, String(content.target_name));
    this.#open.set(event.id, event.target);
    if (event.target === BROWSE_TARGET) this.#browsers.set(event.id, session);
    else if (event.target !== VIEW_TARGET) this.#tell(event);
  }

  message(content: Json): void {
    this.#pass('msg', content);
  }

  close(content: Json): void {
    this.#pass('close', content);
    this.#open.delete(String(content.comm_id));
    this.#browsers.delete(String(content.comm_id));
  }

  #pass(event: CommEvent['event'], content: Json): void {
    const target = this.#open.get(String(content.comm_id));
    if (target !== undefined && target !== VIEW_TARGET) this.#tell(eventOf(event, content, target));
  }

  /** What a cell does. */
  publish({ event, id, target, data }: CommEvent, parent: Partial<Header>): void {
    if (event === 'open' && target === BROWSE_TARGET && ![...this.#browsers.values()].includes(parent.session ?? '')) {
      this.#tell({ event: 'close', id, target, data: {} });
      return;
    }
    if (event === 'open') this.#open.set(id, target);
    if (event === 'close') this.#open.delete(id);
    const named = event === 'open' ? { target_name: target } : {};
    this.#iopub.publish(`comm_${event}`, { comm_id: id, ...named, data }, parent);
  }

  show(view: ViewData, parent: Partial<Header>): void {
    for (const [comm_id, target] of this.#open) {
      if (target === VIEW_TARGET) this.#iopub.publish('comm_msg', { comm_id, data: { ...view } }, parent);
    }
  }

  /** The content of comm_info_reply. */
  info({ target_name }: Json): Json {
    const all = [...this.#open].filter(([, target]) => (target_name ?? target) === target);
    return { status: 'ok', comms: Object.fromEntries(all.map(([id, target]) => [id, { target_name: target }])) };
  }
}

function eventOf(event: CommEvent['event'], { comm_id, data }: Json, target: string): CommEvent {
  return { event, id: String(comm_id), target, data: (data ?? {}) as Json };
}
