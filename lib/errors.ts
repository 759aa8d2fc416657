/**
 * Errors: what failed, on which object, why, and what to do next. Composed here and nowhere else:
 *
 *     0000:03:00.0/bar0+0x21: read32: offset is not a multiple of 4; use 0x20 or 0x24
 *     group:0000:03:00.0: step 4, VFIO_GROUP_GET_STATUS: group 7 is not viable (EPERM); …
 */
export interface Failure {
  /** The full path of the object: '0000:03:00.0/bar0+0x20'. */
  readonly path: string;
  /** The access, ioctl or verb that was attempted: 'read32', 'VFIO_IOMMU_MAP_DMA', 'wait'. */
  readonly attempted: string;
  /** Why it failed, in words. */
  readonly reason: string;
  /** The errno's name where the kernel gave one: 'EBUSY'. */
  readonly errno?: string | undefined;
  /** The next command or check. */
  readonly hint: string;
  readonly cause?: unknown;
}

/** The base of every error that vfiolab throws itself. */
export class LabError extends Error implements Failure {
  override name = 'LabError';
  readonly path: string;
  readonly attempted: string;
  readonly reason: string;
  readonly errno: string | undefined;
  readonly hint: string;

  constructor(failure: Failure) {
    const errno = failure.errno ? ` (${failure.errno})` : '';
    super(
      `${failure.path}: ${failure.attempted}: ${failure.reason}${errno}; ${failure.hint}`,
      failure.cause === undefined ? undefined : { cause: failure.cause },
    );
    this.path = failure.path;
    this.attempted = failure.attempted;
    this.reason = failure.reason;
    this.errno = failure.errno;
    this.hint = failure.hint;
  }
}

/** Bad input, refused before the device was touched. */
export class UsageError extends LabError {
  override name = 'UsageError';
}

/** The object was closed or freed earlier. */
export class ClosedError extends LabError {
  override name = 'ClosedError';
}

/** The card was taken away while it was open: an unbind (REQ), or it answers no more. */
export class GoneError extends ClosedError {
  override name = 'GoneError';
}

/** The access reached the bus and faulted there: SIGBUS on a mapped BAR, EIO through pread. The session goes on. */
export class BusError extends LabError {
  override name = 'BusError';
}

/** The kernel refused a system call or ioctl, or something it needs is missing. */
export class SystemError extends LabError {
  override name = 'SystemError';
}

/** A wait's deadline passed. */
export class TimeoutError extends LabError {
  override name = 'TimeoutError';
}
