/** Sending on ZeroMQ sockets in order: zeromq.js allows one send in flight on each. */
interface Sender {
  send(frames: (Uint8Array | string)[]): Promise<void>;
}

export class SendQueue {
  readonly #socket: Sender;
  readonly #waiting: (Uint8Array | string)[][] = [];
  #idle: Promise<void> = Promise.resolve();
  #sending = false;

  constructor(socket: Sender) {
    this.#socket = socket;
  }

  send(frames: (Uint8Array | string)[]): void {
    this.#waiting.push(frames);
    if (!this.#sending) this.#idle = this.#drain();
  }

  /** Everything so far was handed to ZeroMQ. */
  flushed(): Promise<void> {
    return this.#idle;
  }

  async #drain(): Promise<void> {
    this.#sending = true;
    for (let frames = this.#waiting.shift(); frames !== undefined; frames = this.#waiting.shift()) {
      // A peer that went away is not our failure, and there is nobody to tell.
      await this.#socket.send(frames).catch(() => {});
    }
    this.#sending = false;
  }
}
