import * as z from 'zod';
import { type Facts, type Load, MOST } from '../domain/node/facts.ts';
import { count, macSchema, text } from './values.ts';

const addresses = z.array(z.string().max(64)).max(MOST.addresses);

const cpu = z.object({
  model: text,
  sockets: count,
  cores: count,
  threads: count,
  flags: z.array(z.string().max(32)).max(64),
});

const nic = z.object({
  name: z.string().max(32),
  mac: macSchema,
  driver: text.optional(),
  speed: count.optional(),
  carrier: z.boolean(),
  addresses,
});

const disk = z.object({
  name: z.string().max(64),
  bytes: count,
  model: text.optional(),
  rotational: z.boolean(),
});

const pci = z.object({
  address: z.string().regex(/^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/),
  id: z.string().regex(/^[0-9a-f]{4}:[0-9a-f]{4}$/),
  class: z.string().regex(/^[0-9a-f]{6}$/),
  driver: text.optional(),
});

const bridge = z.object({
  name: z.string().max(32),
  members: z.array(z.string().max(32)).max(MOST.members),
  addresses,
});

const software = z.object({
  kernel: text,
  os: text,
  image: text.optional(),
  node: text,
  agent: text,
  qemu: text.optional(),
  engines: z.array(z.string().max(32)).max(16).optional(),
});

export const factsSchema = z.object({
  cpu,
  memoryKib: count,
  nics: z.array(nic).max(MOST.nics),
  disks: z.array(disk).max(MOST.disks),
  pci: z.array(pci).max(MOST.pci),
  bridges: z.array(bridge).max(MOST.bridges),
  hugepages: z.array(z.object({ sizeKib: count, total: count, free: count })).max(8),
  software,
  kvm: z.object({ state: z.enum(['unknown', 'usable', 'unusable']), reason: text.optional() }),
}) satisfies z.ZodType<Facts>;

export const loadSchema = z.object({
  average: z.number().nonnegative(),
  availableKib: count,
  uptimeSeconds: z.number().nonnegative(),
}) satisfies z.ZodType<Load>;
