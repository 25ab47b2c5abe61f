import { z } from 'zod';
import { nearest, quote } from '../../base/diagnostic.ts';

/** One key of a record in a list of the configuration. */
export interface Field<T> {
  readonly schema: z.ZodType<T>;
  /** Undefined where the key must be there; else what a record without it has. */
  readonly fallback?: { readonly value: T };
  /** What a good value looks like; ends the sentence "expected ...". */
  readonly expected: string;
}

type Fields<T> = { readonly [K in keyof T]: Field<T[K]> };

/** What is wrong inside a value of the configuration, below its key. */
export interface InnerProblem {
  /** `[1].pool` */
  readonly where: string;
  readonly got?: string;
  readonly expected: string;
}

/** A list of mappings with the same keys. All problems are found at once; `innerProblems` reads them from the error. */
export function records<T>(fields: Fields<T>): z.ZodType<readonly T[]> {
  return z.array(z.unknown()).transform((items, ctx) =>
    items.map((item, index) => {
      const { record, problems } = readRecord(item, fields);
      for (const { where, ...problem } of problems)
        ctx.addIssue({
          code: 'custom',
          message: problem.expected,
          params: { ...problem, where: `[${index}]${where}` },
        });
      return record;
    }),
  );
}

/** What `records` found, one by one; empty when the value failed for another reason. */
export function innerProblems(error: z.ZodError): InnerProblem[] {
  return error.issues.flatMap(issue => {
    const params = issue.code === 'custom' ? issue.params : undefined;
    return params && typeof params['where'] === 'string' ? [params as unknown as InnerProblem] : [];
  });
}

function readRecord<T>(item: unknown, fields: Fields<T>): { record: T; problems: InnerProblem[] } {
  const known = Object.keys(fields) as (keyof T & string)[];
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    const problem = { where: '', got: written(item), expected: `keys such as ${known.join(', ')}` };
    return { record: {} as T, problems: [problem] };
  }
  const given = new Map(Object.entries(item));
  const problems = [...given.keys()]
    .filter(key => !Object.hasOwn(fields, key))
    .map(key => unknown(key, known));
  const entries = known.map(key => {
    const value = given.get(key) ?? undefined;
    const { schema, fallback, expected } = fields[key];
    const result = value === undefined ? undefined : schema.safeParse(value);
    if (result?.success) return [key, result.data];
    if (result) problems.push({ where: `.${key}`, got: written(value), expected });
    else if (!fallback) problems.push({ where: `.${key}`, expected });
    return [key, fallback?.value];
  });
  return { record: Object.fromEntries(entries) as T, problems };
}

function unknown(key: string, known: readonly string[]): InnerProblem {
  const near = nearest(key, known);
  const expected = near ? `a known key; did you mean ${near}?` : `one of ${known.join(', ')}`;
  return { where: `.${/^[\x21-\x7e]{1,80}$/.test(key) ? key : quote(key)}`, got: 'an unknown key', expected };
}

/** A value as it may stand in the file, cut at 80 characters. */
function written(value: unknown): string {
  const text = JSON.stringify(value);
  return typeof value === 'string' ? quote(value) : text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
