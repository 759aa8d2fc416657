/** Has the kernel add to an eventfd when a device is to go (REQ) or reports an error (ERR). The device does not notice. */
import { IRQ } from '../backend.js';
import { libc } from '../native.js';
import { FLAG, IOCTL, IRQ_SET } from '../uapi.js';

export function armBlow(device: number, blow: 'req' | 'err', eventfd: number): void {
  const flags = FLAG.VFIO_IRQ_SET_DATA_EVENTFD | FLAG.VFIO_IRQ_SET_ACTION_TRIGGER;
  const tail = new Uint8Array(Int32Array.of(eventfd).buffer);
  libc().ioctl(device, IOCTL.VFIO_DEVICE_SET_IRQS, IRQ_SET.pack({ flags, index: IRQ[blow], start: 0, count: 1 }, tail));
}
