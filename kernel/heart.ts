/** The heart of a kernel, heard from a front end: a kernel whose process is stopped, or hangs as a whole, does not answer its beats. */
import { setTimeout as delay } from 'node:timers/promises';
import { Request } from 'zeromq';

/** Milliseconds between two beats, and until one that is not answered is told. */
const BEAT = 2000;
const PATIENCE = 5000;

export class Heart {
  readonly #socket = new Request({ linger: 0 });
  readonly #onChange: (silentSince: number | undefined) => void;
  #patience: NodeJS.Timeout | undefined;
  #silent = false;

  /**
   * Listens to a kernel that is up.
   *
   * @param onChange called when it falls silent, with when it was last asked (milliseconds since 1970); and when it answers again
   */
  constructor(address: string, onChange: (silentSince: number | undefined) => void) {
    this.#onChange = onChange;
    this.#socket.connect(address);
    void this.#listen();
  }

  close(): void {
    clearTimeout(this.#patience);
    this.#socket.close();
  }

  async #listen(): Promise<void> {
    try {
      for (;;) {
        this.#await(Date.now());
        await this.#socket.send('beat');
        await this.#socket.receive();
        this.#answered();
        await delay(BEAT, undefined, { ref: false });
      }
    } catch {
      // It was closed.
      clearTimeout(this.#patience);
    }
  }

  #await(asked: number): void {
    this.#patience = setTimeout(() => {
      this.#silent = true;
      this.#onChange(asked);
    }, PATIENCE).unref();
  }

  #answered(): void {
    clearTimeout(this.#patience);
    if (this.#silent) this.#onChange(undefined);
    this.#silent = false;
  }
}
