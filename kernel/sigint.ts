/** SIGINT on the io thread, where Node does not give it to us: by an eventfd, so that it is heard while main computes. */
import { countSigint, libc, type Watch, watch } from '../lib/native.js';

/** Watched for good; the event loop alone would not keep it. */
let watched: Watch | undefined;

/** @returns false where there is no way */
export function watchSigint(callback: () => void): boolean {
  const fd = libc().eventfd();
  if (fd < 0 || !countSigint(fd)) return false;
  const count = new Uint8Array(new ArrayBuffer(8));
  watched = watch(fd, () => {
    if (libc().read(fd, count, 8) === 8) callback();
  });
  watched.unref();
  return true;
}
