/** QEMU's edu: an educational PCI device with an identity, a factorial engine, interrupts and a DMA engine. Ref: QEMU docs/specs/edu */
import { r32, r64 } from '../map.js';

/** BAR 0. Accesses below 0x80 are 32 bits wide, from 0x80 on 32 or 64. Ref: QEMU docs/specs/edu */
export const EDU = {
  ID: r32(
    0x00,
    { MAJOR: [31, 24], MINOR: [23, 16], MAGIC: [15, 0] },
    { access: 'ro', reset: 0x0100_00ed, doc: 'identification, MAGIC is 0x00ed' },
  ),
  LIVENESS: r32(0x04, {}, { doc: 'reads back the inverse of what was written' }),
  FACTORIAL: r32(0x08, {}, { doc: 'write n, read n! (32 bits) when STATUS.COMPUTING is 0' }),
  STATUS: r32(0x20, { IRQ: 7, COMPUTING: [0, 0, 'ro'] }, { doc: 'IRQ: interrupt when the factorial is done' }),
  IRQ_STATUS: r32(0x24, { DMA: 8, FACTORIAL: 0 }, { access: 'ro', doc: 'what raised the interrupt' }),
  IRQ_RAISE: r32(0x60, {}, { access: 'wo', doc: 'the value is ORed into IRQ_STATUS' }),
  IRQ_ACK: r32(0x64, {}, { access: 'wo', doc: 'the value is cleared in IRQ_STATUS' }),
  DMA_SRC: r64(0x80, {}, { doc: 'source: IOVA, or an offset in the device buffer' }),
  DMA_DST: r64(0x88, {}, { doc: 'destination: IOVA, or an offset in the device buffer' }),
  DMA_COUNT: r64(0x90, {}, { doc: 'bytes' }),
  DMA_CMD: r64(0x98, { IRQ: 2, TO_MEMORY: 1, RUN: 0 }, { doc: 'TO_MEMORY 0: memory to device; RUN clears when done' }),
};

/** The device's own buffer, as DMA_SRC and DMA_DST name it: offset and size in bytes. */
export const EDU_BUFFER = { offset: 0x40000, size: 4096 } as const;

/** The IOVAs that edu drives: 28 bits. */
export const EDU_DMA_MASK = 0xfff_ffff;
