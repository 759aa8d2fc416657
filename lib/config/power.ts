/** Power Management. Ref: PCI Bus Power Management Interface 1.2, 3.2; PCI Express Base 6.0, 7.5.2 */
import { r8, r16 } from '../map.js';
import { holds, standard } from './capability.js';
import { codes, flags, sign } from './words.js';

export const PM = standard({
  name: 'PM',
  id: 0x01,
  title: 'Power Management',
  ref: 'PCI Express Base 6.0, 7.5.2',
  registers: {
    PMC: r16(
      0x02,
      {
        PME_D3COLD: 15,
        PME_D3HOT: 14,
        PME_D2: 13,
        PME_D1: 12,
        PME_D0: 11,
        D2: 10,
        D1: 9,
        AUX_CURRENT: [8, 6, codes('0mA', '55mA', '100mA', '160mA', '220mA', '270mA', '320mA', '375mA')],
        DSI: 5,
        PME_CLOCK: 3,
        VERSION: [2, 0],
      },
      'ro',
    ),
    PMCSR: r16(0x04, {
      PME_STATUS: [15, 15, 'w1c'],
      DATA_SCALE: [14, 13, 'ro'],
      DATA_SELECT: [12, 9],
      PME_ENABLE: 8,
      NO_SOFT_RESET: [3, 3, 'ro'],
      POWER_STATE: [1, 0, codes('D0', 'D1', 'D2', 'D3')],
    }),
    PMCSR_BSE: r8(0x06, { BUS_POWER_CLOCK: 7, B3: 6 }, 'ro'),
    DATA: r8(0x07, {}, 'ro'),
  },
  *text(power, space) {
    const { PMC } = power;
    yield `Power Management version ${PMC.VERSION}`;
    const pme = flags(PMC, { D0: 'PME_D0', D1: 'PME_D1', D2: 'PME_D2', D3hot: 'PME_D3HOT', D3cold: 'PME_D3COLD' });
    yield `\tFlags: ${flags(PMC, { PMEClk: 'PME_CLOCK', DSI: 'DSI', D1: 'D1', D2: 'D2' })} AuxCurrent=${PMC.AUX_CURRENT} PME(${pme.replaceAll(' ', ',')})`;
    if (!holds(space, power, 0x04, 4)) return;
    const { PMCSR, PMCSR_BSE } = power;
    yield `\tStatus: ${PMCSR.POWER_STATE} NoSoftRst${sign(PMCSR.NO_SOFT_RESET)} PME-Enable${sign(PMCSR.PME_ENABLE)} DSel=${PMCSR.DATA_SELECT} DScale=${PMCSR.DATA_SCALE} PME${sign(PMCSR.PME_STATUS)}`;
    // lspci has the sign of B3 the other way round.
    if (PMCSR_BSE.raw !== 0) yield `\tBridge: PM${sign(PMCSR_BSE.BUS_POWER_CLOCK)} B3${sign(!PMCSR_BSE.B3)}`;
  },
});
