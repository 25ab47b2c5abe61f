import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nicMac } from '../../src/domain/workload/mac.ts';
import { parseWorkload } from '../../src/domain/workload/parse.ts';
import { rfcUuid } from '../../src/domain/workload/rfcuuid.ts';
import type { Workload } from '../../src/domain/workload/workload.ts';
import { sha1 } from '../../src/io/sha1.ts';
import { sha256 } from '../../src/io/sha256.ts';

const FOLDER = join(import.meta.dirname, 'workload');

/** `name.conf` with `name.parsed` beside it. A new file is a new test; UPDATE_GOLDEN=1 writes the second. */
const names = readdirSync(FOLDER)
  .filter(file => file.endsWith('.conf'))
  .map(file => file.replace(/\.conf$/, ''));

function describeFile(text: string, file: string): string {
  const { problems, workload } = parseWorkload(text, file);
  const lines = workload ? describeWorkload(workload) : problems.map(({ code, message }) => `${code} ${message}`);
  return lines.map(line => `${line}\n`).join('');
}

function describeWorkload(workload: Workload): string[] {
  const { volumes, nics, ...rest } = workload;
  return [
    JSON.stringify(rest, null, 2),
    ...volumes.map(volume => `volume ${JSON.stringify(volume)}`),
    ...nics.map(nic => `nic ${JSON.stringify(nic)} ${nicMac(workload.uuid, nic, sha256)}`),
    `RFC 4122 ${rfcUuid(workload.uuid, sha1)}`,
  ];
}

describe('workload files and what they come to', () => {
  test.each(names)('%s', name => {
    const text = readFileSync(join(FOLDER, `${name}.conf`), 'utf8');
    const path = join(FOLDER, `${name}.parsed`);
    const parsed = describeFile(text, `${name}.conf`);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, parsed);
    expect(parsed, `${name}.parsed differs; if the new text is right: UPDATE_GOLDEN=1`).toBe(readFileSync(path, 'utf8'));
  });
});
