/** What a kernel shows and asks, as a front end takes it off its sockets. */
import type { Standing } from './live.js';
import type { ViewData } from '../lib/view.js';
import type { MimeBundle } from './threads.js';
import type { Json, Message } from './wire.js';

export type Output =
  | { readonly type: 'stream'; readonly name: 'stdout' | 'stderr'; readonly text: string }
  | {
      readonly type: 'result';
      readonly data: MimeBundle;
      readonly metadata: Record<string, unknown>;
      readonly count: number;
      /** What the result looks like as data, for a terminal; only where `views` was asked for. */
      readonly view?: ViewData;
    }
  | {
      readonly type: 'display' | 'update';
      readonly data: MimeBundle;
      readonly metadata: Record<string, unknown>;
      readonly displayId?: string;
      /** It outlives its cell; or this was its last picture. */
      readonly standing?: Standing;
      readonly view?: ViewData;
    }
  | { readonly type: 'error'; readonly ename: string; readonly evalue: string; readonly traceback: readonly string[] }
  | { readonly type: 'clear'; readonly wait: boolean };

/** What happens in the cells of another front end. */
export type OtherEvent =
  | {
      readonly type: 'input';
      readonly id: string;
      readonly code: string;
      readonly count: number;
      readonly since: number;
    }
  | { readonly type: 'output'; readonly id: string; readonly output: Output }
  | { readonly type: 'idle'; readonly id: string };

/** `input()` of a cell's. */
export interface Question {
  readonly prompt: string;
  readonly password: boolean;
}

/** The output that a message is, with the View that came before it; undefined for other messages. */
export function outputOf({ header, content }: Message, view: ViewData | undefined): Output | undefined {
  const { data, metadata, name, text } = content as {
    data: MimeBundle;
    metadata: Json;
    name: 'stdout';
    text: string;
  };
  const withView = view === undefined ? {} : { view };
  switch (header.msg_type) {
    case 'stream':
      return { type: 'stream', name, text };
    case 'execute_result':
      return { type: 'result', data, metadata, count: Number(content.execution_count), ...withView };
    case 'display_data':
    case 'update_display_data': {
      const type = header.msg_type === 'display_data' ? 'display' : 'update';
      const { display_id, vfiolab } = (content.transient ?? {}) as { display_id?: string; vfiolab?: Standing };
      const live = {
        ...(display_id !== undefined && { displayId: display_id }),
        ...(vfiolab && { standing: vfiolab }),
      };
      return { type, data, metadata, ...live, ...withView };
    }
    case 'clear_output':
      return { type: 'clear', wait: content.wait === true };
    case 'error': {
      const { ename, evalue, traceback } = content as { ename: string; evalue: string; traceback: string[] };
      return { type: 'error', ename, evalue, traceback };
    }
    default:
      return undefined;
  }
}
