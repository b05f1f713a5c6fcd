// Drives the cohere-ai package.
import { CohereClientV2 } from 'cohere-ai';
import { failure, untilSwapped, watched } from './watched.mjs';

const connect = (order, statuses = []) => new CohereClientV2({
  token: order.key ?? 'unused', environment: order.server.replace(/\/$/, ''), maxRetries: order.retries ?? 0, fetch: watched(order, statuses),
});

const rank = (order, statuses) => connect(order, statuses).rerank({ model: 'reward', ...order.fields });

const described = error => ({
  kind: error.constructor.name,
  status: error.statusCode,
  body: error.body,
  message: error.message,
  requestId: error.rawResponse?.headers.get('x-request-id'),
  retryAfter: error.rawResponse?.headers.get('retry-after'),
});

export async function rerank(order) {
  const { data, rawResponse } = await rank(order).withRawResponse();
  return { ...data, requestId: rawResponse.headers.get('x-request-id') };
}

export const refusal = order => failure(order, described, statuses => rank(order, statuses));

export const chatRefusal = order => failure(order, described, statuses =>
  connect(order, statuses).chat({ model: 'distilled', messages: [{ role: 'user', content: 'dates' }] }));

/** Rankings, each with the version behind a policy's alias, while the test publishes another. */
export const swap = order => untilSwapped(order, async () => {
  const ranking = await rank(order);
  const policy = await fetch(`${order.server}v1/models/distilled`);
  return { model: (await policy.json()).root, text: JSON.stringify(ranking.results) };
});
