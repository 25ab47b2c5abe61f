import type { Context } from '../../../src/cli/context.ts';

/** A terminal that keeps what a command writes. */
export interface Screen {
  readonly context: Context;
  /** Standard output and standard error, as one would see them. */
  out: string;
  err: string;
}

export function screen(options: Partial<Context> & { colours?: boolean; columns?: number } = {}): Screen {
  const { colours = false, columns, ...rest } = options;
  const write = (stream: 'stdout' | 'stderr', text: string | Uint8Array): void => {
    kept[stream === 'stdout' ? 'out' : 'err'] +=
      typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
  };
  const terminal: Context['terminal'] = {
    print: line => write('stdout', `${line}\n`),
    warn: line => write('stderr', `${line}\n`),
    write,
    json: value => write('stdout', `${JSON.stringify(value)}\n`),
    colours,
    columns,
  };
  const context = { terminal, root: '/nowhere', json: false, now: () => 1_700_000_100_000, ...rest };
  const kept: Screen = { context, out: '', err: '' };
  return kept;
}
