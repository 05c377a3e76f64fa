/** GET /openapi.json: this server, described by the schemas that check its requests. */
import { z } from 'zod';
import { endpoint } from '../endpoint.js';
import { openApiDocument } from '../openapi.js';

export default endpoint({
  method: 'GET', path: '/openapi.json', tag: 'operation', summary: 'This document', public: true, response: z.record(z.string(), z.unknown()),
  handle: ({ service }) => Promise.resolve(openApiDocument(service.endpoints, service.secured)),
});
