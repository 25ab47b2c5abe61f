/** The outcome of one check of `mesh system doctor`. */
export interface Finding {
  /** What was looked at, a word or two. */
  readonly check: string;
  readonly level: 'ok' | 'warn' | 'fail';
  readonly text: string;
  /** What to do about it. */
  readonly todo?: string;
}

export function ok(check: string, text: string): Finding {
  return { check, level: 'ok', text };
}

export function warn(check: string, text: string, todo: string): Finding {
  return { check, level: 'warn', text, todo };
}

export function fail(check: string, text: string, todo: string): Finding {
  return { check, level: 'fail', text, todo };
}
