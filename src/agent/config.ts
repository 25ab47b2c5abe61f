import * as z from 'zod';
import { type Diagnostic, diagnosticsError, nearest, quote } from '../base/diagnostic.ts';
import { messageOf } from '../base/error.ts';

/** /etc/pxen/agent.json, written by the overlay. */
export interface AgentConfig {
  /** Where host0 listens: `http://10.77.0.1`. */
  readonly host0: string;
  /** The machine that the overlay was made for; the default overlay is for any. */
  readonly id?: string | undefined;
  readonly token?: string | undefined;
  /** Seconds between two reports until host0 says another number. */
  readonly interval: number;
}

const schema = z.strictObject({
  host0: z.url({ protocol: /^http$/, error: 'a URL such as http://10.77.0.1' }),
  id: z
    .string()
    .regex(/^[0-9a-f]{8}$/, '8 lower-case hex digits')
    .optional(),
  token: z.string().min(1, 'a token').optional(),
  interval: z.number('seconds from 0.1 to 3600').min(0.1).max(3600).default(10),
});

/** Throws AGENT_CONFIG with every problem of the file. */
export function parseAgentConfig(text: string, file: string): AgentConfig {
  const given = parseJson(text, file);
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap(issue => problemsOf(issue, given, file));
  throw diagnosticsError('AGENT_CONFIG', file, problems);
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const problem = { file, key: 'file', got: quote(text), expected: `JSON (${messageOf(error)})` };
    throw diagnosticsError('AGENT_CONFIG', file, [problem]);
  }
}

function problemsOf(issue: z.core.$ZodIssue, given: unknown, file: string): Diagnostic[] {
  if (issue.code !== 'unrecognized_keys') {
    const key = issue.path.join('.');
    const got = valueAt(given, key);
    return [{ file, key: key || 'file', ...(got === undefined ? {} : { got }), expected: issue.message }];
  }
  return issue.keys.map(key => {
    const known = nearest(key, Object.keys(schema.shape));
    const expected = known === undefined ? 'no such key' : `no such key; did you mean ${known}?`;
    return { file, key, got: valueAt(given, key) ?? 'nothing', expected };
  });
}

/** As the user wrote it; a token is a secret and stays one. */
function valueAt(given: unknown, key: string): string | undefined {
  const value = new Map(Object.entries(given ?? {})).get(key);
  if (value === undefined) return undefined;
  return key === 'token'
    ? 'something else'
    : quote(typeof value === 'string' ? value : JSON.stringify(value));
}
