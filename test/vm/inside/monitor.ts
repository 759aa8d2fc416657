/** QEMU's monitor, asked from inside the guest: a serial port of it is connected with its QMP socket. Ref: QEMU docs/interop/qmp-spec */
import { existsSync, openSync, readdirSync, readFileSync, readSync, writeSync } from 'node:fs';

const PORTS = '/sys/class/virtio-ports';

let port: number | undefined;
let asked = 0;
let heard = '';

function connect(): number {
  const nameOf = (each: string): string => `${PORTS}/${each}/name`;
  const named = readdirSync(PORTS).filter((each) => existsSync(nameOf(each)));
  const name = named.find((each) => readFileSync(nameOf(each), 'utf8') === 'monitor\n');
  if (name === undefined) throw new Error('no line to the monitor');
  return openSync(`/dev/${name}`, 'r+');
}

function nextLine(fd: number): string {
  const bytes = Buffer.alloc(4096);
  while (!heard.includes('\n')) heard += bytes.toString('utf8', 0, readSync(fd, bytes));
  const end = heard.indexOf('\n');
  const line = heard.slice(0, end);
  heard = heard.slice(end + 1);
  return line;
}

function ask(execute: string, args = {}): unknown {
  port ??= connect();
  const id = `${process.pid}.${++asked}`;
  writeSync(port, `${JSON.stringify({ execute, arguments: args, id })}\n`);
  for (;;) {
    // What else comes: the greeting, events, and what a process before this one asked.
    const answer = JSON.parse(nextLine(port));
    if (answer.id === id) return answer.return;
  }
}

/** What the monitor says to a line as a person types it; undefined where it does not understand. */
export function monitor(line: string): unknown {
  // Refused where a process before this one did so.
  if (port === undefined) ask('qmp_capabilities');
  return ask('human-monitor-command', { 'command-line': line });
}
