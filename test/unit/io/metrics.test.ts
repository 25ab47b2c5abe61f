import { expect, test } from 'vitest';
import { type Audience, METRICS, statusClass } from '../../../src/base/meter.ts';
import { PromMeter } from '../../../src/io/metrics.ts';

const lines = async (
  meter: PromMeter,
  pattern: RegExp,
  now = 0,
  audience: Audience = 'anybody',
): Promise<string[]> => (await meter.render(now, audience)).split('\n').filter(line => pattern.test(line));

test('counts and durations come out with their labels', async () => {
  const meter = new PromMeter();
  meter.count('pxen_http_requests_total', { artefact: 'file', status: '2xx' });
  meter.count('pxen_http_requests_total', { artefact: 'file', status: '2xx' }, 2);
  meter.count('pxen_tftp_sent_bytes_total', {}, 512);
  meter.observe('pxen_http_request_duration_seconds', { artefact: 'file' }, 0.3);
  expect(await lines(meter, /^pxen_(http_req.*(total|_sum|le="0\.[15]")|tftp_sent)/)).toEqual([
    'pxen_http_requests_total{artefact="file",status="2xx"} 3',
    'pxen_http_request_duration_seconds_bucket{le="0.1",artefact="file"} 0',
    'pxen_http_request_duration_seconds_bucket{le="0.5",artefact="file"} 1',
    'pxen_http_request_duration_seconds_sum{artefact="file"} 0.3',
    'pxen_tftp_sent_bytes_total 512',
  ]);
});

test('samples are looked up when they are asked for', async () => {
  const meter = new PromMeter();
  let up = 1;
  meter.sample({ name: 'nodes', about: 'a', kind: 'gauge', label: 'state', read: () => [['up', up]] });
  meter.sample({
    name: 'datagrams',
    about: 'b',
    kind: 'counter',
    label: 'result',
    read: () => [['ack', 7 + up]],
  });
  meter.sample({ name: 'transfers', about: 'c', kind: 'gauge', read: () => [['', 3]] });
  const all = /^(nodes|datagrams|transfers)/;
  expect(await lines(meter, all, 0)).toEqual([
    'nodes{state="up"} 1',
    'datagrams{result="ack"} 8',
    'transfers 3',
  ]);
  up = 5;
  expect(await lines(meter, all, 999)).toContain('nodes{state="up"} 1');
  expect(await lines(meter, all, 1000)).toEqual([
    'nodes{state="up"} 5',
    'datagrams{result="ack"} 12',
    'transfers 3',
  ]);
});

test('a sample may have several labels, with any text in them, and what is gone is not shown any more', async () => {
  const meter = new PromMeter();
  let machines: [string[], number][] = [
    [['web', '91d5815f'], 1],
    [['a "b"\n\\', '91d5815f'], 2],
  ];
  for (const kind of ['gauge', 'counter'] as const)
    meter.sample({ name: kind, about: 'a', kind, label: ['workload', 'node'], read: () => machines });
  expect(await lines(meter, /^(gauge|counter)/, 0)).toEqual([
    'gauge{workload="web",node="91d5815f"} 1',
    'gauge{workload="a \\"b\\"\\n\\\\",node="91d5815f"} 2',
    'counter{workload="web",node="91d5815f"} 1',
    'counter{workload="a \\"b\\"\\n\\\\",node="91d5815f"} 2',
  ]);
  machines = [[['db', '6e6da274'], 0.5]];
  expect(await lines(meter, /^(gauge|counter)/, 1000)).toEqual([
    'gauge{workload="db",node="6e6da274"} 0.5',
    'counter{workload="db",node="6e6da274"} 0.5',
  ]);
});

test('a sample that names somebody is not for anybody', async () => {
  const meter = new PromMeter();
  meter.sample({ name: 'nodes', about: 'a', kind: 'gauge', read: () => [['', 1]] });
  meter.sample({
    name: 'load',
    about: 'b',
    kind: 'gauge',
    named: true,
    label: 'node',
    read: () => [['a', 2]],
  });
  expect(await lines(meter, /^(nodes|load)/, 0)).toEqual(['nodes 1']);
  expect(await lines(meter, /^(nodes|load)/, 0, 'trusted')).toEqual(['nodes 1', 'load{node="a"} 2']);
});

test('process and event loop are in it', async () => {
  const meter = new PromMeter();
  meter.start();
  const names = await lines(meter, /^(process_resident_memory_bytes|nodejs_eventloop_lag_p99_seconds) /);
  expect(names).toHaveLength(2);
});

test('every label has its values listed: what a client sends makes no series', () => {
  const series = Object.values(METRICS).map(({ labels }) =>
    Object.values<readonly string[]>(labels).reduce((product, values) => product * values.length, 1),
  );
  expect(Math.max(...series)).toBeLessThanOrEqual(20);
  expect([101, 200, 206, 304, 416, 500, 999].map(statusClass)).toEqual([
    '2xx',
    '2xx',
    '2xx',
    '3xx',
    '4xx',
    '5xx',
    '5xx',
  ]);
});
