import type { Fields } from '../hocon/fields.ts';
import { BYTES, DURATION, oneOf, SWITCH, TEXT } from '../hocon/values.ts';
import { DRIVE_CACHES, DRIVERS, REALM_DEFAULTS, type Realm } from './realm.ts';

/** A realm from the fields of its object (checklist TC-3 to TC-9), undefined when something that it needs is missing or wrong. */
export function parseRealm(id: string, fields: Fields): Realm | undefined {
  const disabled = fields.required('disabled', SWITCH);
  const driver = fields.required('driver', oneOf(DRIVERS));
  const name = fields.required('name', TEXT);
  const networkFilter = fields.optional('network-filter', TEXT);
  const rest = {
    pools: parsePools(fields),
    logScheduling: fields.optional('log-scheduling', SWITCH) ?? false,
    registrationTimeout:
      fields.optional('registration-timeout', DURATION) ?? REALM_DEFAULTS.registrationTimeout,
    pollFrequency: fields.optional('poll-frequency', DURATION) ?? REALM_DEFAULTS.pollFrequency,
    ...(networkFilter === undefined ? {} : { networkFilter }),
  };
  const drives = parseDrives(fields);
  // Reserved by the document: accepted, whatever stands there.
  for (const reserved of ['uploads', 'scaling']) fields.value(reserved);
  fields.refuseOthers();
  if (disabled === undefined || driver === undefined || name === undefined || !drives) return undefined;
  return { id, name, disabled, driver, ...rest, drives };
}

function parsePools(fields: Fields): Realm['pools'] {
  const pool = (key: 'volumes' | 'drives' | 'bricks'): string =>
    fields.optional(`${key}-pool`, TEXT) ?? REALM_DEFAULTS.pools[key];
  return { volumes: pool('volumes'), drives: pool('drives'), bricks: pool('bricks') };
}

function parseDrives(realm: Fields): Realm['drives'] | undefined {
  const fields = realm.section('drives');
  if (!fields) {
    if (!realm.value('drives')) realm.missing('drives', '{ lazy-allocation = on } or off, at least');
    return undefined;
  }
  const lazyAllocation = fields.required('lazy-allocation', SWITCH);
  const cache = fields.optional('cache', oneOf(DRIVE_CACHES)) ?? 'default';
  const minSize = fields.optional('min-size', BYTES);
  const maxSize = fields.optional('max-size', BYTES);
  if (minSize !== undefined && maxSize !== undefined && maxSize < minSize)
    fields.wrong('max-size', `at least min-size, which is ${minSize} bytes`);
  fields.refuseOthers();
  if (lazyAllocation === undefined) return undefined;
  return { lazyAllocation, cache, minSize, maxSize };
}
