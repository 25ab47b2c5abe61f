import * as z from 'zod';
import { type Diagnostic, nearest, quote } from '../base/diagnostic.ts';
import { messageOf } from '../base/error.ts';
import { KERNEL_FORMS } from '../domain/vm/kernel-form.ts';
import type { WorkloadFacts } from '../domain/workload/facts.ts';
import { shownKey } from '../domain/workload/locate.ts';
import { eitherOf } from '../domain/workload/values.ts';
import { ARCHITECTURES, ENGINES } from '../domain/workload/workload.ts';

/** The most entries of one kind that a node, or a file that stands for one, may tell of. */
const MOST = 65_536;

const wholeNumber = z.int('a whole number from 0').nonnegative('a whole number from 0');
const port = z
  .int('a port from 0 to 65535')
  .min(0, 'a port from 0 to 65535')
  .max(65_535, 'a port from 0 to 65535');
const flag = z.boolean('true or false');

/** Names or paths. */
function list<T>(item: z.ZodType<T>): z.ZodType<readonly T[]> {
  return z.array(item, 'a list').max(MOST, `at most ${MOST} entries`);
}

const name = z.string('a text').max(256, 'at most 256 characters');
const path = z.string('a text').max(4096, 'at most 4096 characters');

/** What a node knows of itself, as it stands in a file of `--facts`. Every key may be absent, none may be misspelled. */
export const workloadFactsSchema = z.strictObject(
  {
    arch: z.enum(ARCHITECTURES, eitherOf(ARCHITECTURES)).optional(),
    memAvailableKiB: wholeNumber.optional(),
    nproc: wholeNumber.optional(),
    cpuModels: list(name).optional(),
    interfaces: list(name).optional(),
    existingPaths: list(path).optional(),
    ownedPaths: list(path).optional(),
    kernelForm: z.enum(KERNEL_FORMS, eitherOf(KERNEL_FORMS)).optional(),
    busyPorts: list(port).optional(),
    otherUuids: list(name).optional(),
    kvm: z
      .strictObject(
        { usable: flag, reason: z.string('a text').max(512, 'at most 512 characters').optional() },
        'an object such as {"usable": true}',
      )
      .optional(),
    vhostNet: flag.optional(),
    engines: list(z.enum(ENGINES, eitherOf(ENGINES))).optional(),
    hugepages: list(
      z.strictObject(
        { path, pageKiB: wholeNumber, free: wholeNumber },
        'an object such as {"path": "/dev/hugepages", "pageKiB": 2048, "free": 0}',
      ),
    ).optional(),
    vhostVsock: flag.optional(),
    vsockCids: list(wholeNumber).optional(),
    devices: list(
      z.strictObject(
        { type: name, address: name },
        'an object such as {"type": "nvidia-gpu", "address": "0000:01:00.0"}',
      ),
    ).optional(),
  },
  'an object such as {"nproc": 4}',
) satisfies z.ZodType<WorkloadFacts>;

/** The facts in a file of `--facts`, or everything that is wrong with it. */
export function parseWorkloadFacts(
  text: string,
  file: string,
): { readonly facts: WorkloadFacts } | { readonly problems: readonly Diagnostic[] } {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    return { problems: [{ file, key: 'file', got: quote(text), expected: `JSON (${messageOf(error)})` }] };
  }
  const parsed = workloadFactsSchema.safeParse(given);
  if (parsed.success) return { facts: parsed.data };
  return { problems: parsed.error.issues.flatMap(issue => problemsOf(issue, given, file)) };
}

function problemsOf(issue: z.core.$ZodIssue, given: unknown, file: string): Diagnostic[] {
  if (issue.code !== 'unrecognized_keys') {
    const value = valueAt(given, issue.path);
    const got = value === undefined ? {} : { got: written(value) };
    return [{ file, key: issue.path.join('.') || 'file', ...got, expected: issue.message }];
  }
  const known = knownIn(issue.path);
  return issue.keys.map(key => {
    const near = nearest(key, known);
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    const where = [...issue.path, key].join('.');
    return { file, key: shownKey(where), got: 'an unknown key', expected: `a known key${hint}` };
  });
}

/** The keys of the facts themselves, or of an object in them. */
function knownIn([fact]: readonly PropertyKey[]): readonly string[] {
  if (fact === undefined) return Object.keys(workloadFactsSchema.shape);
  return PARTS[String(fact)] ?? [];
}

const PARTS: Readonly<Record<string, readonly string[]>> = {
  kvm: ['usable', 'reason'],
  hugepages: ['path', 'pageKiB', 'free'],
  devices: ['type', 'address'],
};

function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((value: unknown, key) => new Map(Object.entries(value ?? {})).get(String(key)), given);
}

function written(value: unknown): string {
  const text = JSON.stringify(value);
  return typeof value === 'string' ? quote(value) : text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
