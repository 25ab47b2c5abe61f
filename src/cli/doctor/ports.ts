import { createServer } from 'node:net';
import { asPxenError } from '../../base/error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import { PROXY_PORT } from '../../domain/boot/decideproxy.ts';
import type { Config } from '../../domain/config/settings.ts';
import { type Finding, fail, ok } from '../../domain/doctor/finding.ts';
import { bindError, openUdp } from '../../io/udp.ts';

/** Whether pxend could have its ports. Those of a running pxend are its own. */
export async function portFindings(config: Config, address: Ipv4, running: boolean): Promise<Finding[]> {
  const wanted = portsOf(config);
  const names = wanted.map(({ what, port }) => `${what} ${port}`).join(', ');
  if (running) return [ok('ports', `${names}: pxend has them`)];
  const troubles: Finding[] = [];
  for (const { protocol, port } of wanted) {
    const trouble = await (protocol === 'tcp' ? tryTcp(address, port) : tryUdp(address, port));
    if (trouble !== undefined)
      troubles.push(fail('ports', trouble, 'stop the other program, or give pxend another port'));
  }
  return troubles.length > 0 ? troubles : [ok('ports', `${names} are free on ${address}`)];
}

interface Port {
  readonly what: string;
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
}

function portsOf(config: Config): Port[] {
  const mode = config['dhcp.mode'];
  const dhcp: Port = { what: 'DHCP', protocol: 'udp', port: config['dhcp.port'] };
  const proxy: Port = { what: 'PXE', protocol: 'udp', port: PROXY_PORT };
  return [
    ...(mode === 'off' ? [] : [dhcp]),
    ...(mode === 'proxy' ? [proxy] : []),
    { what: 'TFTP', protocol: 'udp', port: config['tftp.port'] },
    { what: 'HTTP', protocol: 'tcp', port: config['http.port'] },
  ];
}

async function tryUdp(address: Ipv4, port: number): Promise<string | undefined> {
  const nothing = (): void => {};
  try {
    const socket = await openUdp({ address, port, onDatagram: nothing, onError: nothing });
    await socket.close();
    return undefined;
  } catch (error) {
    return asPxenError(error).message;
  }
}

function tryTcp(address: Ipv4, port: number): Promise<string | undefined> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', error => resolve(bindError(error, { address, port }, 'TCP').message));
    server.listen(port, address, () => server.close(() => resolve(undefined)));
  });
}
