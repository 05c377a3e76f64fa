/** POST /v1/embeddings. */
import { TaraError } from '../../errors.js';
import { endpoint } from '../endpoint.js';
import { embeddingRequest, embeddingResponse, type EmbeddingRequestBody, type EmbeddingResponseBody } from '../schemas/embedding.js';
import { inputsOf } from '../schemas/inputs.js';
import type { Serving } from '../serving/index.js';

function acquire(serving: Serving, name: string | null | undefined, signal: AbortSignal) {
  const named = name == null ? (serving.names.find((one) => one.named.kind === 'embedding')?.named ?? serving.find('default')) : serving.find(name);
  switch (named.kind) {
    case 'embedding': return serving.acquireEmbedding(named.path, signal);
    case 'file': return serving.acquireFile(named.file, signal);
    case 'chat': throw new TaraError('TARA_REQUEST_INVALID', { param: 'model', reason: 'it answers chats and gives no embeddings' });
  }
}

const base64 = (row: Float32Array): string => Buffer.from(row.buffer, row.byteOffset, row.byteLength).toString('base64');

export default endpoint<EmbeddingRequestBody>({
  method: 'POST', path: '/v1/embeddings', aliases: ['/embeddings'], tag: 'openai', summary: 'Vectors of texts, each of length 1',
  body: embeddingRequest, response: embeddingResponse, errors: [404, 422],
  async handle({ body, service, signal }) {
    using visit = service.rotation.enter();
    using lease = await acquire(visit.serving, body.model, signal);
    const { info } = lease.model;
    if (body.dimensions != null && body.dimensions !== info.embeddingLength) {
      throw new TaraError('TARA_REQUEST_INVALID', { param: 'dimensions', reason: `the model gives ${info.embeddingLength}, and its vectors cannot be cut` });
    }
    const { embeddings, usage } = await lease.model.embedWithUsage(inputsOf(body.input), { signal });
    return {
      object: 'list',
      model: body.model ?? lease.model.path.slice(lease.model.path.lastIndexOf('/') + 1),
      data: embeddings.map((row, index) => ({ object: 'embedding' as const, index, embedding: body.encoding_format === 'base64' ? base64(row) : [...row] })),
      usage: { prompt_tokens: usage.promptTokens, total_tokens: usage.promptTokens },
    } satisfies EmbeddingResponseBody;
  },
});
