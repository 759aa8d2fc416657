/**
 * The wire: Jupyter messages as signed ZeroMQ frames. Both sides use it, the kernel's io thread and client.ts.
 *
 * Ref: jupyter-client, "Messaging in Jupyter", protocol 5.4: `idents… <IDS|MSG> hmac header parent metadata content buffers…`
 */
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';

export const PROTOCOL_VERSION = '5.4';
const DELIMITER = Buffer.from('<IDS|MSG>');

export type Json = Record<string, unknown>;

export interface Header {
  readonly msg_id: string;
  readonly msg_type: string;
  readonly session: string;
  readonly username: string;
  readonly date: string;
  readonly version: string;
}

export interface Message {
  /** The routing prefix: who asked, for a ROUTER socket; the topic on iopub. */
  readonly idents: readonly Uint8Array[];
  readonly header: Header;
  readonly parent: Partial<Header>;
  readonly metadata: Json;
  readonly content: Json;
}

/** A message that this side is about to send. */
export interface Draft {
  readonly type: string;
  readonly content: Json;
  readonly parent?: Partial<Header> | undefined;
  readonly metadata?: Json | undefined;
  readonly idents?: readonly (Uint8Array | string)[];
}

/** A message that is not one: no delimiter, wrong signature, not JSON. Such messages are dropped. */
export class MalformedMessage extends Error {
  override name = 'MalformedMessage';
}

/** Signs and reads the messages of one session. */
export class Wire {
  readonly session: string = randomUUID();
  readonly #key: string;
  readonly #username: string;

  constructor(key: string, username: string) {
    this.#key = key;
    this.#username = username;
  }

  encode(draft: Draft): { header: Header; frames: (Uint8Array | string)[] } {
    const header: Header = {
      msg_id: randomUUID(),
      msg_type: draft.type,
      session: this.session,
      username: this.#username,
      date: new Date().toISOString(),
      version: PROTOCOL_VERSION,
    };
    const body = [header, draft.parent ?? {}, draft.metadata ?? {}, draft.content].map((part) => JSON.stringify(part));
    return { header, frames: [...(draft.idents ?? []), DELIMITER, this.#sign(body), ...body] };
  }

  /** @throws MalformedMessage */
  decode(frames: readonly Buffer[]): Message {
    const at = frames.findIndex((frame) => frame.equals(DELIMITER));
    const [signature, ...rest] = frames.slice(at + 1);
    const body = rest.slice(0, 4);
    if (at < 0 || signature === undefined || body.length < 4) throw new MalformedMessage('frames are missing');
    if (this.#key !== '') {
      const expected = Buffer.from(this.#sign(body));
      if (expected.length !== signature.length || !timingSafeEqual(expected, signature)) {
        throw new MalformedMessage('the signature does not match');
      }
    }
    const [header, parent, metadata, content] = body.map(parseObject);
    if (typeof header?.msg_type !== 'string' || typeof header.msg_id !== 'string') {
      throw new MalformedMessage('the header names no message');
    }
    return {
      idents: frames.slice(0, at),
      header: header as unknown as Header,
      parent: parent ?? {},
      metadata: metadata ?? {},
      content: content ?? {},
    };
  }

  #sign(body: readonly (string | Buffer)[]): string {
    if (this.#key === '') return '';
    const hmac = createHmac('sha256', this.#key);
    for (const part of body) hmac.update(part);
    return hmac.digest('hex');
  }
}

function parseObject(frame: Buffer): Json {
  let value: unknown;
  try {
    value = JSON.parse(frame.toString('utf8'));
  } catch {
    throw new MalformedMessage('a part is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MalformedMessage('a part is not a JSON object');
  }
  return value as Json;
}

/** Jupyter counts a cursor in code points, JavaScript in UTF-16 units. */
export function codePoints(text: string, utf16: number): number {
  return [...text.slice(0, utf16)].length;
}

/** The other way round: code points to UTF-16 units. */
export function utf16Units(text: string, points: number): number {
  return [...text].slice(0, points).join('').length;
}
