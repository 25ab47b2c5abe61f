import { expect, test } from 'vitest';
import { buildReport, type NodeState } from '../../../src/agent/report.ts';
import { MAX_REPORT_BYTES } from '../../../src/api/paths.ts';
import { reportSchema } from '../../../src/api/report.ts';
import type { WorkloadStatus } from '../../../src/domain/workload/status.ts';
import { ALPHA, FACTS, LOAD } from '../../fakes/registry.ts';

const ended = (uuid: string, output: string): WorkloadStatus => ({
  name: uuid,
  uuid,
  state: 'ended',
  since: 1,
  engine: 'qemu',
  console: { type: 'serial-tcp', port: 7900 },
  volumes: [{ id: 0, path: '/v/x', ephemeral: true }],
  nics: [],
  end: { reason: 'QEMU ended with status 1', exitCode: 1, output },
});

const state = (workloads: readonly WorkloadStatus[]): NodeState => ({
  identity: { id: ALPHA.id, uuid: ALPHA.uuid, bootMac: ALPHA.mac, macs: [ALPHA.mac] },
  bootId: 'b',
  facts: FACTS,
  load: LOAD,
  sshHostKey: undefined,
  overlay: undefined,
  workloads,
});

test('every report tells of all workloads', () => {
  const one = [ended('w1', 'no\n')];
  const first = buildReport(state(one), undefined);
  const next = buildReport(state(one), { facts: FACTS, sshHostKey: undefined });
  expect([first.kind, first.workloads, next.kind, next.workloads]).toEqual(['full', one, 'heartbeat', one]);
});

test('two hundred workloads with much to say fit into a report', () => {
  const many = Array.from({ length: 200 }, (_, i) => ended(`w${i}`, '\u0000'.repeat(4096)));
  const report = buildReport(state(many), undefined);
  expect(JSON.stringify(report).length).toBeLessThan(MAX_REPORT_BYTES / 2);
  expect(reportSchema.safeParse(JSON.parse(JSON.stringify(report))).success).toBe(true);
  expect(report.workloads?.[199]).toEqual({
    ...ended('w199', ''),
    volumes: [],
    problem: 'there is more to tell of the workloads of this node than a report can hold',
  });
});
