/** GET /api/live/events: each second as it ends, as server-sent events. */
import { endpoint } from '../../endpoint.js';
import { sendEvents } from '../../stream/sse.js';

export default endpoint({
  method: 'GET', path: '/api/live/events', tag: 'dashboard', summary: 'Each second as it ends', response: { mediaType: 'text/event-stream' }, endless: true,
  async handle({ service, reply, signal }) {
    await sendEvents(reply, service.live.follow(signal), signal);
    return undefined;
  },
});
