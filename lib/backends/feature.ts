/**
 * VFIO_DEVICE_FEATURE: what a kernel and its driver can do for a device beyond the rest, each asked for before it is used.
 *
 * Ref: include/uapi/linux/vfio.h, VFIO_DEVICE_FEATURE_PROBE
 */
import type { Feature } from '../backend.js';
import { libc } from '../native.js';
import { DEVICE_FEATURE, FEATURE, FLAG, IOCTL } from '../uapi.js';
import { type Causes, granted } from './refused.js';

type FeatureName = keyof typeof FEATURE;

const PREFIX = 'VFIO_DEVICE_FEATURE_';

function ask(fd: number, name: FeatureName, flags: number, data: Uint8Array): number {
  return libc().ioctl(fd, IOCTL.VFIO_DEVICE_FEATURE, DEVICE_FEATURE.pack({ flags: flags | FEATURE[name] }, data));
}

/** Room for the data of any feature: a probe looks at the length alone. */
const ROOM = new Uint8Array(64);

/** All that the device has, and whether each can be read and set. A kernel before 5.7 knows none. */
export function featuresOf(fd: number): Feature[] {
  return (Object.keys(FEATURE) as FeatureName[]).flatMap((name) => {
    const has = (flag: number): boolean => ask(fd, name, FLAG.VFIO_DEVICE_FEATURE_PROBE | flag, ROOM) >= 0;
    const feature = {
      name: name.slice(PREFIX.length),
      get: has(FLAG.VFIO_DEVICE_FEATURE_GET),
      set: has(FLAG.VFIO_DEVICE_FEATURE_SET),
    };
    return feature.get || feature.set ? [feature] : [];
  });
}

/** @throws SystemError where the kernel refuses; `causes` say why it may. */
export function setFeature(fd: number, path: string, name: FeatureName, data: Uint8Array, causes: Causes = {}): void {
  const result = ask(fd, name, FLAG.VFIO_DEVICE_FEATURE_SET, data);
  granted(result, path, `VFIO_DEVICE_FEATURE (set ${name.slice(PREFIX.length)})`, {
    ENOTTY: ['the kernel or the device does not have this feature', 'dev.features() tells what they have'],
    ...causes,
  });
}
