/** In the guest: what another user may, without a process of theirs. */

/** Does it with the effective user id `uid`, who has no capability; then it is root's again. */
export function as<T>(uid: number, act: () => T): T {
  const { geteuid, seteuid } = process;
  if (geteuid === undefined || seteuid === undefined) throw new Error('no user ids here');
  const own = geteuid();
  seteuid(uid);
  try {
    return act();
  } finally {
    seteuid(own);
  }
}
