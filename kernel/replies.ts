/** Replies as a front end reads them. Offsets are code points on the wire, and UTF-16 units in JavaScript's strings. */
import type { Completion, CompletionMatch } from './threads.js';
import { type Json, utf16Units } from './wire.js';

/** What a kernel says of a match; a kernel that is not ours may say less. */
interface MatchMetadata {
  readonly type?: string;
  readonly signature?: string;
  readonly documentation?: string;
  readonly reference?: string;
}

/** The content of a complete_reply about `code`. */
export function completionOf(code: string, content: Json): Completion {
  const { matches, cursor_start, cursor_end, metadata } = content as {
    matches?: string[];
    cursor_start?: number;
    cursor_end?: number;
    metadata?: { _jupyter_types_experimental?: readonly MatchMetadata[] };
  };
  const types = metadata?._jupyter_types_experimental ?? [];
  return {
    matches: (matches ?? []).map((text, index): CompletionMatch => {
      const { type: kind = '', signature: detail, documentation: doc, reference } = types[index] ?? {};
      return { text, kind, ...(detail && { detail }), ...(doc && { doc }), ...(reference && { reference }) };
    }),
    start: utf16Units(code, cursor_start ?? 0),
    end: utf16Units(code, cursor_end ?? 0),
  };
}
