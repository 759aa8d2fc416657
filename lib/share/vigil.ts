/** Watching over one open card: REQ and ERR are armed when it is opened, and heard by a thread that is free to, else by the event loop. */
import { type Backend, type Eventfd, IRQ } from '../backend.js';
import type { Blow, Fate } from '../fate.js';
import type { BlowFds, Holdings } from './attendant.js';
import { type Host, hosted, startHost } from './host.js';
import type { Share } from './sharer.js';

export interface Watched {
  readonly backend: Pick<Backend, 'path' | 'irqs' | 'eventfd' | 'setIrqs'>;
  readonly fate: Fate;
  /** What to let go of; a simulated card has nothing that anybody waits for. */
  readonly holdings?: Holdings | undefined;
  /** Another process has the kernel tell it, and tells us. */
  readonly follows?: boolean;
  readonly share?: Share | undefined;
}

export class Vigil {
  readonly #watched: Watched;
  readonly #eventfds = new Map<number, Eventfd>();
  readonly #host: Host | undefined;
  #id: number | undefined;

  /** @param onBlow called from the event loop */
  constructor(watched: Watched, onBlow: (blow: Blow, at: number) => void) {
    this.#watched = watched;
    const { backend, fate, holdings, share } = watched;
    for (const { index, name } of backend.irqs)
      if (name === 'req' || name === 'err') this.#eventfds.set(index, backend.eventfd());
    if (!watched.follows) for (const index of this.#eventfds.keys()) this.rearm(index);
    this.#host = share ? startHost() : hosted();
    if (this.#host) {
      const eventfds: BlowFds = { req: this.#eventfds.get(IRQ.req)?.fd, err: this.#eventfds.get(IRQ.err)?.fd };
      const charge = { path: backend.path, fate: fate.shared, eventfds, holdings, share };
      this.#id = this.#host.watch(charge, onBlow);
      return;
    }
    for (const [index, eventfd] of this.#eventfds) {
      const blow = index === IRQ.req ? 'req' : 'err';
      eventfd.onReady(() => {
        if (eventfd.drain() === 0) return;
        const at = Date.now();
        if (blow === 'req') fate.lose(at);
        onBlow(blow, at);
      });
    }
  }

  /** The kernel tells us again: somebody else had asked to be told, and no longer does. */
  rearm(index: number): void {
    const eventfd = this.#eventfds.get(index);
    if (eventfd) this.#watched.backend.setIrqs(index, 'trigger', 0, { eventfds: [eventfd] });
  }

  end(): void {
    if (this.#id !== undefined) this.#host?.leave(this.#id);
    this.#id = undefined;
    for (const eventfd of this.#eventfds.values()) eventfd.close();
    this.#eventfds.clear();
  }
}
