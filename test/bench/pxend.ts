import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ADDRESSES, type Server, type World } from './world.ts';

const PROJECT = join(import.meta.dirname, '../..');

/**
 * The whole appliance as it is installed: one process for TFTP, DHCP and HTTP. Limits are those of a large cluster, and
 * it logs as little as its peers are told to. `fresh`: without leases of an earlier run.
 */
export async function startPxend(world: World, { fresh = false } = {}): Promise<Server> {
  if (fresh) rmSync(join(world.folder, 'pxend/var'), { recursive: true, force: true });
  world.write('pxend/etc/pxen/pxen.yaml', CONFIG);
  const server = world.start([join(PROJECT, 'scripts/pxend'), '--root', join(world.folder, 'pxend')], {
    NODE_ENV: 'production',
  });
  // At this log level it does not say when it is ready. HTTP is not the last part to start, but nearly.
  const patience = ['--retry', '30', '--retry-connrefused', '--retry-delay', '1'];
  await world.load(['curl', '-s', ...patience, `http://${ADDRESSES.pxen}/boot.ipxe`]);
  await server.ready(300);
  return server;
}

const CONFIG = `interface: eth0
dhcp:
  pool: [10.77.16.0-10.77.95.255]
tftp:
  maxTransfers: 2000
  maxPerClient: 1000
log:
  level: warn
`;
