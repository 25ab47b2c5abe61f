import { createHash } from 'node:crypto';
import { type Ipv4, parseCidr } from '../../src/base/ipv4.ts';
import type { DhcpPolicy } from '../../src/domain/boot/policy.ts';
import { AddressPool } from '../../src/domain/lease/pool.ts';
import { Reservations } from '../../src/domain/lease/reservation.ts';
import { systemClock } from '../../src/io/clock.ts';
import { Database } from '../../src/io/sqlite/database.ts';
import { sqliteLeases } from '../../src/io/sqlite/leases.ts';
import { openUdp } from '../../src/io/udp.ts';
import { DhcpService } from '../../src/service/dhcp/dhcp.ts';

/** The DHCP service alone, for a network namespace: `dhcp-server.ts 10.77.0.1/24 10.77.0.100-10.77.0.120 leases.db`. */
const [network = '', pool = '', database = ''] = process.argv.slice(2);
const [first, last] = pool.split('-') as [Ipv4, Ipv4];
const server = parseCidr(network);
if (!server) throw new Error(`got ${network}, expected an address with its prefix length`);

const policy: DhcpPolicy = {
  server,
  subnets: [
    {
      pool: new AddressPool(server, [{ first, last }], []),
      leaseSeconds: 600,
      router: server.address,
      dns: [server.address],
      domain: 'lab.example',
    },
  ],
  reservations: new Reservations([]),
  httpBase: `http://${server.address}`,
  transport: 'auto',
  proxyOffer: 'whole',
  hostname: ({ mac }) => `node-${mac.replaceAll(':', '')}`,
};
const say = (_: string, message: string): void => console.log(message);
const service = new DhcpService({
  openUdp,
  clock: systemClock,
  log: { debug: say, info: say, warn: say, error: say },
  timeline: { record: () => {} },
  leases: sqliteLeases(Database.open(database)),
  policy,
  perCard: 20,
  sha256: data => createHash('sha256').update(data).digest(),
});
await service.start();
