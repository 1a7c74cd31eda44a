// What the peer port answers to HTTP: /members and /version, for joining members, real etcd proxies
// and etcdctl. A real etcd that tries to speak Raft here is told why it cannot.
import type { RequestListener } from 'node:http';
import type { Logger } from '@corral/kit';
import type { Backend } from '../backend.js';
import { sendMethodNotAllowed, sendPlain, sendText } from '../http/reply.js';
import { answerVersion } from '../http/status-routes.js';

export function peerHttpHandler(backend: () => Backend, logger: Logger): RequestListener {
  let complained = false;
  return (request, response) => {
    const path = (request.url ?? '/').split('?')[0];
    if (path === '/members') {
      if (request.method !== 'GET') {
        sendMethodNotAllowed(response, 'GET');
        return;
      }
      const { clusterId } = backend();
      const headers = ['Content-Type', 'application/json', 'X-Etcd-Cluster-Id', clusterId];
      // Loaded when somebody asks: it is not needed to serve.
      import('@corral/etcd-client').then(
        ({ renderMembers }) => {
          sendText(response, 200, headers, renderMembers(backend().members()));
        },
        (error: unknown) => response.destroy(error as Error),
      );
    } else if (path === '/version') {
      answerVersion(backend(), response);
    } else if (path?.startsWith('/raft') === true) {
      if (!complained) {
        logger.warn(
          'a real etcd tries to join this Raft group: etcd and Corral share discovery, proxies ' +
            'and clients, never one group of members',
          { peer: request.socket.remoteAddress },
        );
      }
      complained = true;
      sendPlain(response, 412, 'this member speaks another peer protocol than etcd\n');
    } else {
      sendPlain(response, 404, '404 page not found\n');
    }
  };
}
