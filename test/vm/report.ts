/** A reporter for node:test inside the guest: each result as a line that relay.ts finds in the output. */
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

export const MARK = '\u001e';

export interface Outcome {
  readonly name: string;
  /** 0 at the top. A parent follows its children. */
  readonly nesting: number;
  readonly skip?: string | boolean;
  /** What a failed test threw; absent when it passed. */
  readonly error?: string;
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const { name, nesting, skip } = event.data;
    const thrown = event.type === 'test:fail' ? event.data.details.error : undefined;
    const outcome: Outcome = {
      name,
      nesting,
      ...(skip !== undefined && { skip }),
      ...(thrown && { error: inspect(thrown.cause ?? thrown) }),
    };
    // The file may be in the middle of a line of its own output.
    yield `\n${MARK}${JSON.stringify(outcome)}\n`;
  }
}
