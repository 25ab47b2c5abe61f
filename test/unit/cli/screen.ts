import type { Context } from '../../../src/cli/context.ts';

/** A terminal that keeps what a command writes. */
export interface Screen {
  readonly context: Context;
  /** Standard output and standard error, as one would see them. */
  out: string;
  err: string;
}

export function screen(options: Partial<Context> & { colours?: boolean } = {}): Screen {
  const { colours = false, ...rest } = options;
  const write = (stream: 'stdout' | 'stderr', text: string): void => {
    kept[stream === 'stdout' ? 'out' : 'err'] += text;
  };
  const terminal: Context['terminal'] = {
    print: line => write('stdout', `${line}\n`),
    warn: line => write('stderr', `${line}\n`),
    write,
    json: value => write('stdout', `${JSON.stringify(value)}\n`),
    colours,
  };
  const context = { terminal, root: '/nowhere', json: false, now: () => 1_700_000_100_000, ...rest };
  const kept: Screen = { context, out: '', err: '' };
  return kept;
}
