import { createRequire } from 'node:module';

/** What is used of npm's dhcp package, which brings no types. */
interface NpmDhcp {
  createClient(config: { mac: string; features: readonly string[] }): {
    on(event: 'bound', then: (state: { address: string; server: string }) => void): void;
    on(event: 'error', then: (error: Error) => void): void;
    listen(): void;
    sendDiscover(): void;
  };
}

/** The client of npm's dhcp package: prints what it was bound to. `dhcp-npm-client.ts MAC`. */
const dhcp = createRequire(import.meta.url)('dhcp') as NpmDhcp;
const client = dhcp.createClient({ mac: process.argv[2] ?? '', features: ['hostname'] });
client.on('bound', ({ address, server }) => {
  console.log(`bound to ${address} by ${server}`);
  process.exit(0);
});
client.on('error', error => console.log(String(error)));
client.listen();
// Its first REQUEST never names the address: it looks that up before it has stored it.
for (const at of [200, 1000]) setTimeout(() => client.sendDiscover(), at);
setTimeout(() => process.exit(1), 10_000);
