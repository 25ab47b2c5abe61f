import { PxenError } from '../base/error.ts';
import { ipv4ToBytes } from '../base/ipv4.ts';
import type { Log } from '../base/ports.ts';
import type { Config, SiteNetwork } from '../domain/config/settings.ts';
import { systemClock } from '../io/clock.ts';
import { openUdp } from '../io/udp.ts';
import { probeServers } from '../service/dhcp/probe.ts';

/** How long another server has to answer, milliseconds. dnsmasq and ISC dhcpd ping an address for up to 3 s before they offer it. */
const PROBE_TIME = 6000;

/**
 * The configuration with `dhcp.mode: auto` made server or proxy: everything else is put together by that answer.
 * Throws CONFIG_INVALID when pxen has to be the server and was given no addresses, PORT_IN_USE when it cannot listen.
 */
export async function settleDhcpMode(config: Config, { cidr }: SiteNetwork, log: Log): Promise<Config> {
  if (config['dhcp.mode'] !== 'auto') return config;
  log.info('dhcp', `dhcp.mode: auto: asking for another DHCP server, for ${PROBE_TIME / 1000} s at most`);
  const port = config['dhcp.port'];
  const [found] = await probeServers({
    openUdp,
    clock: systemClock,
    address: cidr.address,
    // Always the same card, so that the other server sets one address aside at most, however often pxen starts.
    card: Uint8Array.of(0x02, 0x70, ...ipv4ToBytes(cidr.address)),
    xid: Date.now() % 2 ** 32,
    wait: PROBE_TIME,
    first: true,
    port,
  });
  if (found) {
    log.info('dhcp', `dhcp.mode: auto: ${found.server} offers addresses, so pxen is a proxy beside it`);
    return { ...config, 'dhcp.mode': 'proxy' };
  }
  if (!givesAddresses(config))
    throw new PxenError(
      'CONFIG_INVALID',
      'dhcp.mode: auto: no other DHCP server answers, so pxen has to give the addresses; set dhcp.pool, or dhcp.mode: proxy if that server comes later',
    );
  log.info('dhcp', 'dhcp.mode: auto: no other DHCP server answers, so pxen gives the addresses');
  return { ...config, 'dhcp.mode': 'server' };
}

function givesAddresses(config: Config): boolean {
  return [config['dhcp.pool'], config['dhcp.subnets'], config['dhcp.reservations']].some(
    list => list.length > 0,
  );
}
