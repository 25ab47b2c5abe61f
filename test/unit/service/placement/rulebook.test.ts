import { describe, expect, test } from 'vitest';
import { Rulebook } from '../../../../src/service/placement/rulebook.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { RecordingLog } from '../../../fakes/log.ts';
import { MemoryRules } from '../../../fakes/placement.ts';
import { FakeFolders } from '../../../fakes/watching.ts';

const good = (id: string): string => `pxen.vm.realms.${id} {
  disabled = no, driver = pxen, name = Lab, drives.lazy-allocation = on
}`;
const BAD = 'pxen.vm.cost-functions.f.vms { curve = lineer }';
const COMPLAINT =
  'main.conf:1: pxen.vm.cost-functions.f.vms.curve: got "lineer", expected one of constant, invalid, linear, ' +
  'hard-soft, soft-hard, unavailable, piecewise, low-high, high-low; did you mean linear?';

function book(text = good('a')) {
  const files = new MemoryRules(text);
  const folders = new FakeFolders();
  const clock = new ManualClock();
  const log = new RecordingLog();
  const rulebook = new Rulebook({ files, folders, clock, log });
  return { rulebook, files, folders, clock, log };
}

const realms = ({ rulebook }: { rulebook: Rulebook }): string[] => [...rulebook.rules.realms.keys()];

describe('the rules in force', () => {
  test('are those of the files at the start', () => {
    const here = book();
    here.rulebook.start();
    expect([realms(here), here.rulebook.health(), here.log.lines]).toEqual([
      ['a'],
      undefined,
      [
        'info placement: the files of hardware and realms are in force {"functions":0,"profiles":0,"realms":1}',
      ],
    ]);
  });

  test('follow a change a moment after the last one, and a second after the first at the latest', () => {
    const here = book();
    here.rulebook.start();
    here.files.write(good('b'));
    for (let at = 0; at < 11; at++) {
      expect(realms(here)).toEqual(['a']);
      here.folders.change('/host0/realms/x.conf');
      here.clock.advance(90);
    }
    here.clock.advance(10);
    expect(realms(here)).toEqual(['b']);
    here.files.write(good('c'));
    here.folders.change('/host0/hardware.conf');
    here.clock.advance(100);
    expect(realms(here)).toEqual(['c']);
  });

  test('follow a change that nobody heard of within ten seconds', () => {
    const here = book();
    here.rulebook.start();
    here.files.write(good('b'));
    here.clock.advance(10_000);
    expect(realms(here)).toEqual(['b']);
  });

  test('stay when the files have problems, which are told once and shown until they are gone', () => {
    const here = book();
    here.rulebook.start();
    here.log.lines.length = 0;
    here.files.write(BAD);
    here.clock.advance(30_000);
    expect(realms(here)).toEqual(['a']);
    expect(here.rulebook.problems).toEqual([COMPLAINT]);
    expect(here.rulebook.health()).toBe(
      `1 problem in hardware.conf and realms; the rules that were read before stay in force: ${COMPLAINT}`,
    );
    expect(here.log.lines).toEqual([`warn placement: ${COMPLAINT}`]);
    here.files.write(good('b'));
    here.clock.advance(10_000);
    expect([realms(here), here.rulebook.health()]).toEqual([['b'], undefined]);
  });

  test('with warnings are in force, and each is told once', () => {
    const here = book('pxen.vm.cost-functions.free {}');
    here.rulebook.start();
    here.files.write('pxen.vm { cost-functions.free {}, spread-cost = 1 }');
    here.clock.advance(10_000);
    expect(here.rulebook.rules.spreadCost).toBe(1);
    expect(here.rulebook.warnings).toHaveLength(1);
    expect(here.log.lines.filter(line => line.startsWith('warn'))).toHaveLength(1);
  });

  test('are listened for in every folder that there is, and anew when one was replaced', () => {
    const here = book();
    here.folders.missing.add('/host0/realms');
    here.rulebook.start();
    expect([...here.folders.listening.keys()]).toEqual(['/host0']);
    here.folders.missing.clear();
    here.folders.change('/host0/realms');
    here.clock.advance(100);
    expect([...here.folders.listening.keys()]).toEqual(['/host0', '/host0/realms']);
    const { opened } = here.folders;
    here.folders.change('/host0/realms');
    here.clock.advance(100);
    expect(here.folders.opened).toBe(opened + 1);
    here.rulebook.stop();
    expect([here.folders.listening.size, here.clock.waiting]).toEqual([0, 0]);
  });
});
