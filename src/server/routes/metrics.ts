/** GET /metrics: Prometheus text. */
import { endpoint } from '../endpoint.js';

const MEDIA_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export default endpoint({
  method: 'GET', path: '/metrics', tag: 'operation', summary: 'Figures for Prometheus', response: { mediaType: MEDIA_TYPE },
  async handle({ service, reply }) {
    reply.type(MEDIA_TYPE);
    return service.prometheus.text();
  },
});
