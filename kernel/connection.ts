/** The connection file: where the five sockets of a kernel are, and the key that signs its messages. */
import { readFileSync } from 'node:fs';

export interface Connection {
  readonly transport: 'tcp' | 'ipc';
  /** An address for tcp; for ipc the start of the socket files' paths. */
  readonly ip: string;
  readonly shell_port: number;
  readonly iopub_port: number;
  readonly stdin_port: number;
  readonly control_port: number;
  readonly hb_port: number;
  readonly signature_scheme: 'hmac-sha256';
  readonly key: string;
}

export type Channel = 'shell' | 'iopub' | 'stdin' | 'control' | 'hb';

export function address(connection: Connection, channel: Channel): string {
  const port = connection[`${channel}_port`];
  return connection.transport === 'ipc' ? `ipc://${connection.ip}-${port}` : `tcp://${connection.ip}:${port}`;
}

/** Ref: jupyter-client, "Connection files". @throws Error where the file is not one. */
export function readConnection(path: string): Connection {
  const connection = objectOf(path, readFileSync(path, 'utf8')) as unknown as Connection;
  const ports = [connection.shell_port, connection.iopub_port, connection.stdin_port, connection.control_port];
  if (![...ports, connection.hb_port].every(Number.isInteger)) throw new Error(`${path}: a port is missing`);
  if (connection.transport !== 'tcp' && connection.transport !== 'ipc') {
    throw new Error(`${path}: the transport is '${String(connection.transport)}', not 'tcp' or 'ipc'`);
  }
  if (connection.key !== '' && connection.signature_scheme !== 'hmac-sha256') {
    throw new Error(`${path}: the signature scheme is '${String(connection.signature_scheme)}', not 'hmac-sha256'`);
  }
  return connection;
}

/** Nothing of the text is in the error: a file that is named by mistake may be anything, and the key of one that is cut is secret. */
function objectOf(path: string, text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Told below.
  }
  throw new Error(`${path}: it is no JSON object`);
}
