/** The terminal: raw mode and bracketed paste on, keys out of its bytes, and everything back as it was at the end, however that comes. */
import type { ReadStream, WriteStream } from 'node:tty';
import { type Key, KeyDecoder } from './keys.js';

const PASTE_ON = '\x1b[?2004h';
const PASTE_OFF = '\x1b[?2004l';
const CURSOR_ON = '\x1b[?25h';
/** A sequence that takes longer to arrive than this was the Escape key. */
const ESCAPE_AFTER = 50;

/** A terminal that does not know its size (a serial console) says 0. Ink then erases the screen and its scrollback at every key. */
const USUAL = { columns: 80, rows: 24 };

export interface Terminal {
  /** Gives the terminal back. May be called again. */
  release(): void;
}

/** Takes the terminal: `onKey` for every key, `onGone` once when it is closed or breaks. */
export function takeTerminal(
  stdin: ReadStream,
  stdout: WriteStream,
  onKey: (key: Key) => void,
  onGone: () => void,
): Terminal {
  const decoder = new KeyDecoder();
  let alone: NodeJS.Timeout | undefined;
  let taken = true;

  const onData = (chunk: string): void => {
    clearTimeout(alone);
    for (const key of decoder.push(chunk)) onKey(key);
    if (decoder.pending) alone = setTimeout(() => decoder.flush().forEach(onKey), ESCAPE_AFTER);
  };
  const gone = (): void => {
    if (taken) onGone();
  };
  const write = (text: string): void => {
    try {
      stdout.write(text);
    } catch {
      // The terminal is gone; nothing is left to restore.
    }
  };
  const release = (): void => {
    if (!taken) return;
    taken = false;
    clearTimeout(alone);
    process.off('exit', release);
    stdin.off('data', onData);
    stdout.off('resize', size);
    write(PASTE_OFF + CURSOR_ON);
    try {
      stdin.setRawMode(false);
    } catch {
      // As above.
    }
    stdin.pause();
  };

  const size = (): void => {
    stdout.columns ||= USUAL.columns;
    stdout.rows ||= USUAL.rows;
  };

  size();
  stdout.prependListener('resize', size);
  process.on('exit', release);
  // The error listeners stay: a terminal that is gone fails at any later write.
  stdin.on('error', gone);
  stdout.on('error', gone);
  stdin.on('end', gone);
  stdin.setEncoding('utf8');
  stdin.setRawMode(true);
  stdin.on('data', onData);
  stdin.resume();
  stdout.write(PASTE_ON);
  return { release };
}
