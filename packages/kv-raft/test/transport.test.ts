import { describeTransport } from './transport.contract.js';
import { MemoryNetwork } from './support/memory-network.js';
import { MemorySnapshots } from './support/memory-snapshots.js';
import { introduce, startPeer } from './support/real-peers.js';
import { RecordingEvents } from './support/recording-events.js';

describeTransport('sockets', async (ids) => {
  const peers = await Promise.all(ids.map((id) => startPeer(id)));
  introduce(peers);
  return peers;
});

describeTransport('memory', (ids) => {
  const network = new MemoryNetwork();
  const peers = ids.map((id) => {
    const events = new RecordingEvents();
    const snapshots = new MemorySnapshots();
    return { events, snapshots, transport: network.join(id, events, snapshots) };
  });
  for (const { transport } of peers) {
    transport.setPeers(ids.map((id) => ({ id, peerUrls: [] })));
  }
  return Promise.resolve(peers);
});
