/**
 * Comms: side channels that a front end opens. There is one target, `vfiolab.view`: whoever opens it gets the View behind an
 * output as a message of its own, just before the output.
 */
import type { ViewData } from '../lib/view.js';
import type { Iopub } from './iopub.js';
import type { Header, Json } from './wire.js';

export const VIEW_TARGET = 'vfiolab.view';

export class Comms {
  readonly #open = new Set<string>();
  readonly #iopub: Iopub;

  constructor(iopub: Iopub) {
    this.#iopub = iopub;
  }

  open({ comm_id, target_name }: Json, parent: Header): void {
    if (target_name === VIEW_TARGET) this.#open.add(String(comm_id));
    else this.#iopub.publish('comm_close', { comm_id, data: {} }, parent);
  }

  close({ comm_id }: Json): void {
    this.#open.delete(String(comm_id));
  }

  show(view: ViewData, parent: Partial<Header>): void {
    for (const comm_id of this.#open) this.#iopub.publish('comm_msg', { comm_id, data: { ...view } }, parent);
  }

  /** The content of comm_info_reply. */
  info({ target_name }: Json): Json {
    const wanted = target_name === undefined || target_name === null || target_name === VIEW_TARGET;
    const open = wanted ? [...this.#open] : [];
    return { status: 'ok', comms: Object.fromEntries(open.map((id) => [id, { target_name: VIEW_TARGET }])) };
  }
}
