/**
 * The caretaker: a shell that does nothing but outlive the prompt. One that is killed outright (kill -9) cannot give the terminal back: its
 * end of a socket closes, and the caretaker does it, unless whoever had started the prompt has by then.
 */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/** What the prompt has of the terminal: its own screen, the other one, or nothing. */
export type Hold = 'taken' | 'other' | 'given';

export interface Caretaker {
  /** It knows the terminal as it was: the prompt may take it. */
  readonly ready: Promise<void>;
  tell(hold: Hold): void;
}

/** An interactive shell puts back its own modes at once, and edits its line in others: those are not touched. */
const SCRIPT = `
exec 4<&0
was=$(stty -g) || exit
echo >&3
last=given
while read -r has; do
  last=$has
  [ "$has" = given ] || raw=$(stty -g <&4)
done <&3
[ "$last" = given ] && exit
sleep 0.2
[ "$last" = other ] && printf '\\033[?1049l' >&0
printf '\\033[?25h' >&0
[ "$(stty -g)" = "$raw" ] || exit
stty "$was"
printf '\\033[?2004l\\r\\n' >&0
`;

/** Milliseconds that the prompt waits for it at most: a shell is there sooner. */
const SOON = 500;

/** Starts one for the terminal on standard input. Where that fails there is none. */
export function caretaker(): Caretaker {
  const child = spawn('sh', ['-c', SCRIPT], { stdio: ['inherit', 'ignore', 'ignore', 'pipe'], detached: true });
  const socket = child.stdio[3] as Socket;
  const ready = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, SOON);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
      // Neither keeps the prompt from ending.
      child.unref();
      socket.unref();
    };
    socket.once('data', end);
    socket.on('error', end);
    child.once('error', end);
    child.once('exit', end);
  });
  return {
    ready,
    tell: (hold) => {
      if (socket.writable) socket.write(`${hold}\n`);
    },
  };
}
