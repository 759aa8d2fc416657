/** Questions and answers over a MessagePort: how main and io talk to the compiler thread. */
import type { MessagePort, Worker } from 'node:worker_threads';
import type { AnswerFrame, AskFrame, Question, Questions } from './threads.js';

type Port = MessagePort | Worker;

export class Asker {
  readonly #port: Port;
  readonly #open = new Map<number, { resolve(answer: never): void; reject(error: Error): void }>();
  #next = 0;
  #dead: Error | undefined;

  constructor(port: Port) {
    this.#port = port;
    port.on('message', (frame: AnswerFrame) => {
      const waiting = this.#open.get(frame.id);
      this.#open.delete(frame.id);
      if (frame.failure === undefined) waiting?.resolve(frame.answer as never);
      else waiting?.reject(new Error(frame.failure));
    });
  }

  ask<Q extends Question>(question: Q, ask: Questions[Q]['ask']): Promise<Questions[Q]['answer']> {
    if (this.#dead) return Promise.reject(this.#dead);
    const id = ++this.#next;
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve, reject });
      this.#port.postMessage({ id, question, ask } satisfies AskFrame);
    });
  }

  /** Nobody answers any more: every question, open or to come, fails with this. */
  fail(error: Error): void {
    this.#dead = error;
    for (const waiting of this.#open.values()) waiting.reject(error);
    this.#open.clear();
  }
}

export type Answers = {
  readonly [Q in Question]: (ask: Questions[Q]['ask']) => Questions[Q]['answer'] | Promise<Questions[Q]['answer']>;
};

/** The other end: answers each question with the function of its name. What can be answered at once is. */
export function answer(port: MessagePort, answers: () => Answers): void {
  port.on('message', ({ id, question, ask }: AskFrame) => {
    const send = (frame: Omit<AnswerFrame, 'id'>): void => port.postMessage({ id, ...frame } satisfies AnswerFrame);
    const fail = (error: unknown): void => send({ failure: error instanceof Error ? error.message : String(error) });
    try {
      const given = answers()[question](ask as never);
      if (given instanceof Promise) given.then((answer) => send({ answer }), fail);
      else send({ answer: given });
    } catch (error) {
      fail(error);
    }
  });
}
