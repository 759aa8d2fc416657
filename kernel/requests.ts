/** Answers to what a front end asks on the shell channel, but for execute_request: the compiler's, or our own at once. */
import type { Asker } from './ask.js';
import type { Comms } from './comms.js';
import type { History } from './history.js';
import { codePoints, type Json, type Message, utf16Units } from './wire.js';

export type Answer = (message: Message) => Promise<Json | undefined> | Json | undefined;

export function requests(parts: {
  readonly asker: Asker;
  readonly history: History;
  readonly comms: Comms;
  /** The content of kernel_info_reply. */
  readonly info: () => Json;
}): Readonly<Record<string, Answer | undefined>> {
  const { asker, history, comms, info } = parts;
  const position = ({ content }: Message) => {
    const code = String(content.code ?? '');
    return { code, cursor: utf16Units(code, Number(content.cursor_pos ?? Number.POSITIVE_INFINITY)) };
  };
  return {
    kernel_info_request: info,

    complete_request: async (message) => {
      const at = position(message);
      const { matches, start, end } = await asker.ask('complete', at);
      const [cursor_start, cursor_end] = [codePoints(at.code, start), codePoints(at.code, end)];
      // The types ride on an experimental key that JupyterLab knows; documentation and reference are ours.
      const types = matches.map(({ text, kind, detail, doc, reference }) => ({
        text,
        type: kind,
        signature: detail,
        documentation: doc,
        reference,
        start: cursor_start,
        end: cursor_end,
      }));
      return {
        status: 'ok',
        matches: matches.map(({ text }) => text),
        cursor_start,
        cursor_end,
        metadata: { _jupyter_types_experimental: types },
      };
    },

    inspect_request: async (message) => {
      const only = message.content.only === 'signature' ? ({ only: 'signature' } as const) : {};
      const { text, signature } = await asker.ask('inspect', { ...position(message), ...only });
      const metadata = signature ? { signature } : {};
      if (text === undefined) return { status: 'ok', found: false, data: {}, metadata };
      const data = { 'text/plain': text, 'text/markdown': `\`\`\`typescript\n${text}\n\`\`\`` };
      return { status: 'ok', found: true, data, metadata };
    },

    is_complete_request: async ({ content }) => {
      const { status, indent } = await asker.ask('isComplete', { code: String(content.code ?? '') });
      return status === 'incomplete' ? { status, indent } : { status };
    },

    history_request: async ({ content }) => ({ status: 'ok', history: await history.find(content) }),
    comm_info_request: ({ content }) => comms.info(content),
    comm_open: ({ content, header }) => {
      comms.open(content, header.session);
      return undefined;
    },
    comm_close: ({ content }) => {
      comms.close(content);
      return undefined;
    },
    comm_msg: ({ content }) => {
      comms.message(content);
      return undefined;
    },
  };
}
