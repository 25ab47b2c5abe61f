import { describe, expect, test } from 'vitest';
import type { WorkloadStatus } from '../../../../src/domain/workload/status.ts';
import { Sightings } from '../../../../src/service/workload/sightings.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { ALPHA_HOST, statusOf } from '../../../fakes/host-workloads.ts';

const STARTING = statusOf('web', { state: 'starting', since: 1000 });
const RUNNING = statusOf('web', { since: 2000 });
const ENDED = statusOf('web', { state: 'ended', since: 3000 });

describe('an answer of an agent and a report that comes so many milliseconds after it', () => {
  test.each<[string, WorkloadStatus | undefined, number, WorkloadStatus[], string[]]>([
    ['a report from before the start is behind', RUNNING, 300, [], ['running']],
    ['a report from in the middle of the start is behind', RUNNING, 300, [STARTING], ['running']],
    ['a later state counts at once', RUNNING, 300, [ENDED], ['ended']],
    ['the same state counts, with its new figures', RUNNING, 300, [RUNNING], ['running']],
    ['a report from before the stop is behind', undefined, 300, [RUNNING], []],
    ['a report that agrees with the stop counts', undefined, 300, [], []],
    ['after two seconds a report is right whatever it says', RUNNING, 2001, [STARTING], ['starting']],
    ['after two seconds what was stopped may be there again', undefined, 2001, [STARTING], ['starting']],
  ])('%s', (_, answer, later, reported, states) => {
    const clock = new ManualClock();
    const sightings = new Sightings(clock);
    const host = { ...ALPHA_HOST, workloads: reported };
    sightings.learned(host.id, 'uuid-web', answer);
    clock.advance(later);
    sightings.reported(host);
    expect(sightings.on(host).map(({ status }) => status.state)).toEqual(states);
  });
});
