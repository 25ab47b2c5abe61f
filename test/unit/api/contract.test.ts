import { describe, expect, test } from 'vitest';
import { ctlLineSchema, ctlRequestSchema } from '../../../src/api/ctl.ts';
import { badRequest, errorBody, errorFromBody } from '../../../src/api/error.ts';
import { nodePath } from '../../../src/api/paths.ts';
import { type Report, reportSchema } from '../../../src/api/report.ts';
import { PxenError } from '../../../src/base/error.ts';
import { told } from '../../fakes/host-workloads.ts';
import { ALPHA, FACTS, fullReport, heartbeat } from '../../fakes/registry.ts';

const overJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('a report', () => {
  const refusal: Report = { ...heartbeat(ALPHA), kind: 'wrong-identity', configured: '00000000' };

  test.each<[string, Report]>([
    ['with everything', fullReport(ALPHA)],
    ['with what changed', { ...heartbeat(ALPHA), facts: { kvm: { state: 'unusable', reason: 'hung' } } }],
    ['that nothing changed', heartbeat(ALPHA)],
    ['with workloads', { ...heartbeat(ALPHA), workloads: told('web') }],
    ['with everything and no workloads', { ...fullReport(ALPHA), workloads: [] }],
  ])('%s comes through as it was sent', (_, report) => {
    expect(reportSchema.parse(overJson(report))).toEqual(overJson(report));
  });

  test('of a wrong identity carries no facts', () => {
    expect(Object.keys(reportSchema.parse(overJson(refusal)))).toEqual([
      'kind',
      'id',
      'identity',
      'bootId',
      'configured',
    ]);
  });

  const huge = { ...FACTS.software, kernel: 'x'.repeat(300) };
  test.each<[string, object, string]>([
    [
      'no kind',
      { kind: undefined },
      "kind: Invalid discriminator value. Expected 'full' | 'heartbeat' | 'wrong-identity'",
    ],
    ['an id in capitals', { id: '91D5815F' }, 'id: expected a machine id: 8 lower-case hex digits'],
    [
      'a fact that is missing',
      { facts: { ...FACTS, cpu: undefined } },
      'facts.cpu: Invalid input: expected object, received undefined',
    ],
    [
      'a text without end',
      { facts: { ...FACTS, software: huge } },
      'facts.software.kernel: Too big: expected string to have <=256 characters',
    ],
    [
      'a load that is no number',
      { load: { average: Number.NaN, availableKib: 1, uptimeSeconds: 1 } },
      'load.average: Invalid input: expected number, received null',
    ],
  ])('with %s is refused and says where', (_, change, detail) => {
    const parsed = reportSchema.safeParse(overJson({ ...fullReport(ALPHA), ...change }));
    if (parsed.success) throw new Error('it was accepted');
    const error = badRequest('the report', parsed.error);
    expect([error.code, error.message, ...error.details]).toEqual([
      'BAD_REQUEST',
      'the report does not have the expected form',
      detail,
    ]);
  });
});

describe('remote control', () => {
  test('a request is for all nodes or for some, with a minute by default', () => {
    expect(ctlRequestSchema.parse({ nodes: 'ALL', command: 'id' })).toEqual({
      nodes: 'ALL',
      command: 'id',
      timeoutSeconds: 60,
    });
    const some = { nodes: [ALPHA.id], command: 'id', timeoutSeconds: 2.5 };
    expect(ctlRequestSchema.parse(some)).toEqual(some);
  });

  test.each<[string, object]>([
    ['no node', { nodes: [], command: 'id' }],
    ['something that is no id', { nodes: ['../../etc'], command: 'id' }],
    ['no command', { nodes: 'ALL', command: '' }],
    ['no time', { nodes: 'ALL', command: 'id', timeoutSeconds: 0 }],
  ])('a request with %s is refused', (_, request) => {
    expect(ctlRequestSchema.safeParse(request).success).toBe(false);
  });

  test.each([
    { node: ALPHA.id, stream: 'stdout', data: 'x' },
    { node: ALPHA.id, exit: 0 },
    { node: ALPHA.id, exit: null, signal: 'SIGKILL' },
    { node: ALPHA.id, error: { code: 'TIMEOUT', message: 'm', details: ['d'] } },
  ])('a line %j comes through as it was sent', line => {
    expect(ctlLineSchema.parse(overJson(line))).toEqual(line);
  });
});

test('an error comes through with its code, text and details', () => {
  const error = new PxenError('CONFLICT', 'two', { details: ['one', 'other'] });
  expect(errorFromBody(overJson(errorBody(error)))).toEqual(error);
  expect(errorFromBody({ error: 'something else' })).toBeUndefined();
  expect(errorFromBody('<html>')).toBeUndefined();
});

test('a node has its own path', () => {
  expect(nodePath(ALPHA.id)).toBe('/api/v1/nodes/91d5815f');
});
