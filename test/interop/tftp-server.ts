/** The TFTP service alone: `tftp-server.ts PORT FOLDER [single]`. Answers SIGUSR2 with its event-loop delay. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Ipv4 } from '../../src/base/ipv4.ts';
import { silentLog } from '../../src/base/ports.ts';
import { systemClock } from '../../src/io/clock.ts';
import { MountedFiles } from '../../src/io/files/served.ts';
import { openUdp } from '../../src/io/udp.ts';
import { TftpService } from '../../src/service/tftp/service.ts';

const [port = '0', root = '', mode] = process.argv.slice(2);
/** The monitor is a timer of its own; its interval is part of what it tells. Milliseconds. */
const RESOLUTION = 5;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
const service = new TftpService({
  openUdp,
  clock: systemClock,
  log: silentLog,
  timeline: { record: () => {} },
  files: new MountedFiles([{ prefix: '', root }]),
  addresses: ['127.0.0.1' as Ipv4],
  port: Number(port),
  singlePort: mode === 'single',
  limits: { mtu: 1500, transfers: 1000, transfersPerClient: 1000 },
});
await service.start();
process.on('SIGUSR2', () => {
  console.log(`p99 ${delay.percentile(99) / 1e6 - RESOLUTION} ms`);
});
// What it cost to start is not what is asked for.
delay.enable();
console.log(`port ${service.endpoints[0]?.port}`);
