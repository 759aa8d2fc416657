/**
 * Where processes of one user meet: a folder that is theirs alone, `$XDG_RUNTIME_DIR/vfiolab`, else `/tmp/vfiolab-UID`.
 *
 * Ref: XDG Base Directory Specification 0.8, $XDG_RUNTIME_DIR
 */
import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SystemError } from '../errors.js';
import { SOCKET_PATH_MAX } from './sockets.js';

/** Room for the longest file name in it: 'group-4294967295.sock'. */
const NAMES = 24;

/** Made where it is missing. @throws SystemError where somebody else has it, or could look into it */
export function runtimeFolder(uid: number = process.getuid?.() ?? 0): string {
  const runtime = process.env.XDG_RUNTIME_DIR;
  const folder = runtime !== undefined && usable(runtime, uid) ? join(runtime, 'vfiolab') : `/tmp/vfiolab-${uid}`;
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw refusal(folder, (error as Error).message);
  }
  if (!ours(folder, uid)) throw refusal(folder, 'it is not a folder that this user alone can enter');
  return folder;
}

/** Its path leaves room for a socket's. */
function usable(runtime: string, uid: number): boolean {
  const room = Buffer.byteLength(runtime) + '/vfiolab'.length + NAMES < SOCKET_PATH_MAX;
  return runtime.startsWith('/') && room && ours(runtime, uid);
}

/** A folder, not a link to one, of this user, closed to all others. */
function ours(folder: string, uid: number): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === uid && (stat.mode & 0o077) === 0;
}

const refusal = (folder: string, reason: string): SystemError =>
  new SystemError({
    path: folder,
    attempted: 'share',
    reason,
    hint: `remove it: sudo rm -r ${folder}; or open the card with { share: false }`,
  });
