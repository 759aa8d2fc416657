/**
 * Register maps of LiteX SoCs, from the csr.json that their build writes: every CSR under its own name.
 *
 * Ref: LiteX litex/soc/integration/export.py, get_csr_json()
 */
import { UsageError } from '../errors.js';
import { type RegisterMap, type RegisterSpec, r32 } from '../map.js';

/** The parts of csr.json that make a map. */
export interface LitexCsr {
  readonly csr_registers: Readonly<Record<string, LitexRegister>>;
  readonly csr_bases?: Readonly<Record<string, number>>;
  readonly memories?: Readonly<Record<string, { readonly base: number }>>;
}

export interface LitexRegister {
  /** In the SoC's own address space. */
  readonly addr: number;
  /** In CSR words: a register of several is an array, its most significant word first. */
  readonly size: number;
  /** 'rw' or 'ro'. */
  readonly type: string;
}

/**
 * The map of a SoC: `CTRL_SCRATCH`, `UART_RXTX`, … Offsets count from `base`: where the CSRs begin in the SoC, which is where LitePCIe's
 * BAR 0 begins.
 *
 * @param csr csr.json, as its text or parsed.
 * @throws UsageError for what is no csr.json.
 * @example const soc = dev.bar(0).registers(litexMap(readFileSync('csr.json', 'utf8')))
 */
export function litexMap(csr: string | LitexCsr, base?: number): RegisterMap {
  const parsed = typeof csr === 'string' ? parse(csr) : csr;
  const registers = Object.entries(parsed.csr_registers ?? refuse('it has no csr_registers'));
  const begin =
    base ??
    parsed.memories?.csr?.base ??
    Math.min(...Object.values(parsed.csr_bases ?? {}), ...registers.map(([, { addr }]) => addr));
  return Object.fromEntries(registers.map(([name, register]) => [name.toUpperCase(), specOf(name, register, begin)]));
}

function specOf(name: string, { addr, size, type }: LitexRegister, begin: number): RegisterSpec {
  if (!Number.isInteger(addr) || addr < begin || !(size >= 1)) refuse(`${name} is at ${String(addr)}, before ${begin}`);
  const access = type === 'ro' ? 'ro' : 'rw';
  return size === 1 ? r32(addr - begin, {}, access) : r32(addr - begin, {}, { access, count: size });
}

function parse(text: string): LitexCsr {
  try {
    return JSON.parse(text) as LitexCsr;
  } catch (error) {
    return refuse(`it is no JSON: ${(error as Error).message}`);
  }
}

function refuse(reason: string): never {
  const hint = 'give the csr.json of the build: litex_soc_gen … --csr-json csr.json';
  throw new UsageError({ path: 'csr.json', attempted: 'litexMap', reason, hint });
}
