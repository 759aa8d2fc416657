/**
 * Async hooks that survive the end of a cell. Where a cell is terminated under a hook (AsyncLocalStorage is one below Node 24), the
 * stack of async ids stays as it was, and Node would abort the process for it: both of its checks are switched off, the hooks
 * are not. From Node 24 on, where only createHook makes hooks, the checks are out of reach. Ref: node, src/api/callback.cc InternalCallbackScope::Close, src/env.cc AsyncHooks::pop_async_context
 */
import { createHook } from 'node:async_hooks';

interface Binding {
  readonly async_hook_fields: Uint32Array;
  readonly constants: { readonly kTotals: number; readonly kCheck: number };
}
interface Hook {
  enable(): Hook;
  disable(): Hook;
}

/** Tells with every change whether a hook is active that forbids to terminate a cell: where Node does not let us at its checks. */
export function uncheckHooks(forbid: (forbidden: boolean) => void): void {
  const binding = asyncWrap();
  const words = binding ? [binding.constants.kTotals, binding.constants.kCheck] : [];
  const fields = binding?.async_hook_fields ?? new Uint32Array();
  let counted = words.map((word) => fields[word] ?? 0);
  const active = new Set<Hook>();
  const prototype = Object.getPrototypeOf(createHook({})) as Hook;
  for (const name of ['enable', 'disable'] as const) {
    const own = prototype[name];
    // Node counts with the words here, and nowhere else.
    prototype[name] = function (this: Hook): Hook {
      for (const [i, word] of words.entries()) fields[word] = counted[i] ?? 0;
      try {
        return own.call(this);
      } finally {
        counted = words.map((word) => fields[word] ?? 0);
        for (const word of words) fields[word] = 0;
        if (name === 'enable') active.add(this);
        else active.delete(this);
        forbid(binding === undefined && active.size > 0);
      }
    };
  }
}

function asyncWrap(): Binding | undefined {
  const silenced = process.noDeprecation ?? false;
  process.noDeprecation = true;
  try {
    const binding = (process as unknown as { binding(name: string): Partial<Binding> }).binding('async_wrap');
    const { async_hook_fields: fields, constants } = binding;
    if (!(fields instanceof Uint32Array)) return undefined;
    if (constants?.kTotals === undefined || constants.kCheck === undefined) return undefined;
    return binding as Binding;
  } catch {
    return undefined;
  } finally {
    process.noDeprecation = silenced;
  }
}
