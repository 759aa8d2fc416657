/** `input()`: a question of a cell's to whoever sits at the front end that ran it. */
import type { Cell } from './cell.js';
import type { Output } from './output.js';
import type { ToMain } from './threads.js';

type Answer = Extract<ToMain, { type: 'input' }>;

export class Inputs {
  readonly #output: Output;
  readonly #open = new Map<number, (answer: Answer) => void>();
  #asked = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  ask(cell: Cell | undefined, prompt: string, password: boolean): Promise<string> {
    const id = ++this.#asked;
    return new Promise<string>((resolve, reject) => {
      const refuse = (reason: string): void => reject(new Error(`input: ${reason}`));
      if (!cell || cell.settled || cell.silent) return refuse('no cell is running that a front end waits for');
      const abort = (): void => {
        this.#open.delete(id);
        reject(cell.signal.reason);
      };
      if (cell.signal.aborted) return abort();
      cell.signal.addEventListener('abort', abort, { once: true });
      this.#open.set(id, ({ value, failure }) => {
        cell.signal.removeEventListener('abort', abort);
        if (value === undefined) refuse(failure ?? 'no answer');
        else resolve(value);
      });
      this.#output.send({ type: 'input', cell: cell.id, id, prompt, password });
    });
  }

  answer(answer: Answer): void {
    const settle = this.#open.get(answer.id);
    this.#open.delete(answer.id);
    settle?.(answer);
  }
}
