/** The forms that lspci's text is made of. */

/** '+' for a set bit, '-' for a clear one. */
export const sign = (bit: number | boolean): '+' | '-' => (bit ? '+' : '-');

/** 'CorrErr+ FatalErr-': `labels` says which one-bit field each word shows, in lspci's order. */
export function flags<T>(register: T, labels: Readonly<Record<string, keyof T>>): string {
  return Object.entries(labels)
    .map(([label, field]) => `${label}${sign(register[field] as number)}`)
    .join(' ');
}

/** Hexadecimal, at least `digits` digits, no prefix. */
export const hex = (value: number | bigint, digits = 0): string => value.toString(16).padStart(digits, '0');

/** The name of a code, or `otherwise` where the table has none for it. */
export const named = (value: number | string, otherwise: string): string =>
  typeof value === 'string' ? value : otherwise;

/** `{ '128 bytes': 0, '256 bytes': 1, … }`: the names of the codes from 0. */
export function codes<const N extends readonly string[]>(...names: N): { readonly [K in N[number]]: number } {
  return Object.fromEntries(names.map((name, code) => [name, code])) as { [K in N[number]]: number };
}
