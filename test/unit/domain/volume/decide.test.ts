import { describe, expect, test } from 'vitest';
import {
  conflictOf,
  decideVolume,
  type Found,
  isDonor,
  isOwn,
} from '../../../../src/domain/volume/decide.ts';
import type { Ledger, Marker, VolumeRecord } from '../../../../src/domain/volume/record.ts';
import type { Volume } from '../../../../src/domain/workload/workload.ts';

const SOURCE = 'http://host0/isos/x.iso';
const volume: Volume = {
  id: 0,
  type: 'iso',
  path: '/tmp/x.iso',
  source: SOURCE,
  writable: false,
  ephemeral: true,
};
const persistent: Volume = { ...volume, ephemeral: false };
const handPlaced: Volume = { ...volume, source: undefined };
const record: VolumeRecord = {
  ...volume,
  fetched: true,
  used: false,
  sha256: 'abc',
  validator: '"v"',
  version: 'one',
};
const blank: Volume = { ...handPlaced, type: 'qcow2', format: 'qcow2', writable: true, size: 1024 };
const made: VolumeRecord = { ...blank, fetched: true, used: false, version: 'one' };
const marker: Marker = { uuid: 'mine', source: SOURCE, ephemeral: false };
const file: Found = { what: 'file', version: 'one' };

describe('decideVolume', () => {
  test.each<[string, Volume, Found, ReturnType<typeof decideVolume>['kind']]>([
    ['what is not there is fetched', volume, { what: 'nothing' }, 'bring'],
    ['or refused where there is no source', handPlaced, { what: 'nothing' }, 'refuse'],
    ['a folder is no volume', volume, { what: 'something else' }, 'refuse'],
    ['a disk of the node is one', handPlaced, { what: 'device' }, 'keep'],
    ['what was put there by hand is kept', volume, file, 'keep'],
    ['what was fetched before is kept', volume, { ...file, record }, 'keep'],
    [
      'but not when it is to come from elsewhere now',
      { ...volume, source: '/mnt/x.iso' },
      { ...file, record },
      'replace',
    ],
    ['nor when it is to be another file', { ...volume, sha256: 'abd' }, { ...file, record }, 'replace'],
    [
      'unless somebody has changed it',
      { ...volume, source: '/mnt/x.iso' },
      { ...file, version: 'two', record },
      'keep',
    ],
    [
      'or it was put there by hand',
      { ...volume, sha256: 'abd' },
      { ...file, record: { ...record, fetched: false } },
      'keep',
    ],
    [
      'what a dead virtual machine has had is replaced',
      volume,
      { ...file, record: { ...record, used: true } },
      'replace',
    ],
    ['not while one may live', volume, { ...file, record: { ...record, used: true }, inUse: true }, 'keep'],
    ['not when it is shared', volume, { ...file, record: { ...record, used: true }, shared: true }, 'keep'],
    ['not without a source', handPlaced, { ...file, record: { ...record, used: true } }, 'keep'],
    [
      'not when it was to be kept',
      volume,
      { ...file, record: { ...record, used: true, ephemeral: false } },
      'keep',
    ],
    [
      'what was left by a reboot is replaced',
      volume,
      { ...file, marker: { ...marker, ephemeral: true } },
      'replace',
    ],
    [
      'be it of another workload',
      volume,
      { ...file, marker: { ...marker, uuid: 'other', ephemeral: true } },
      'replace',
    ],
    [
      'but nothing persistent of another workload',
      volume,
      { ...file, marker: { ...marker, uuid: 'other' } },
      'refuse',
    ],
    ['a persistent volume of its own is kept', persistent, { ...file, marker }, 'keep'],
    ['by its record too, before it was used', persistent, { ...file, record }, 'keep'],
    [
      'and after it was used, whatever is in it',
      persistent,
      { ...file, version: 'two', record: { ...record, used: true } },
      'keep',
    ],
    ['a disk that is to be made is made', blank, { what: 'nothing' }, 'bring'],
    ['and not again', { ...blank, ephemeral: false }, { ...file, record: made }, 'keep'],
    ['for a run that ended badly it is', blank, { ...file, record: { ...made, used: true } }, 'replace'],
    ['with another size, too', { ...blank, size: 2048 }, { ...file, record: made }, 'replace'],
    ['nobody makes one where somebody has put one', blank, file, 'keep'],
    [
      'another format is fetched anew',
      { ...volume, format: 'raw' },
      { ...file, record: { ...record, format: 'qcow2' } },
      'replace',
    ],
    ['not one that was exchanged before', persistent, { ...file, version: 'two', record }, 'refuse'],
    ['nor one that was put there by hand', persistent, file, 'refuse'],
  ])('%s', (_what, wanted, found, kind) => expect(decideVolume('mine', wanted, found).kind).toBe(kind));
});

test.each<[Found, boolean]>([
  [file, false],
  [{ ...file, marker }, true],
  [{ ...file, marker: { ...marker, uuid: 'other' } }, false],
  [{ ...file, record }, true],
  [{ ...file, record: { ...record, fetched: false } }, false],
])('isOwn %#', (found, expected) => expect(isOwn('mine', found)).toBe(expected));

describe('conflictOf', () => {
  const ledger = (...volumes: VolumeRecord[]): Ledger => ({ uuid: 'other', name: 'o', volumes });
  test.each<[string, Volume, VolumeRecord[], boolean]>([
    ['another path', volume, [{ ...record, path: '/tmp/y.iso', writable: true }], false],
    ['two readers of one source', volume, [record], false],
    ['two readers of files put there by hand', handPlaced, [{ ...record, source: undefined }], false],
    ['a reader of another source', volume, [{ ...record, source: '/mnt/x.iso' }], true],
    [
      'a reader of a raw disk beside one of a qcow2 image',
      { ...volume, format: 'raw' },
      [{ ...record, format: 'qcow2' }],
      true,
    ],
    ['a writer here', { ...volume, writable: true }, [record], true],
    ['a writer there', volume, [record, { ...record, writable: true }], true],
  ])('%s', (_what, wanted, records, expected) =>
    expect(conflictOf(wanted, [ledger(), ledger(...records)]) !== undefined).toBe(expected),
  );
});

describe('isDonor', () => {
  test.each<[string, Partial<VolumeRecord>, Partial<Volume>, boolean]>([
    ['the same source, not changed since', {}, {}, true],
    ['a checksum that it has', {}, { sha256: 'abc' }, true],
    ['one that it has not', {}, { sha256: 'abd' }, false],
    ['another source', { source: '/mnt/x.iso' }, {}, false],
    ['changed since', { version: 'two' }, {}, false],
    ['its guest may write', { writable: true }, {}, false],
    ['put there by hand', { fetched: false }, {}, false],
    ['a raw disk made of it, for another raw disk', { converted: true }, { format: 'raw' }, true],
    ['but not for a qcow2 image', { converted: true }, { format: 'qcow2' }, false],
  ])('%s', (_what, had, wanted, expected) =>
    expect(isDonor({ ...record, ...had }, { ...volume, ...wanted }, 'one')).toBe(expected),
  );
});
