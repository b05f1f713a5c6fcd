// Drives the openai package.
import OpenAI from 'openai';
import { failure, untilSwapped, watched } from './watched.mjs';

const messages = [{ role: 'user', content: 'Perl module to parse dates.' }];

const connect = (order, statuses = []) => new OpenAI({
  baseURL: `${order.server}v1`, apiKey: order.key ?? 'unused', maxRetries: order.retries ?? 0, fetch: watched(order, statuses),
});

const create = (order, fields, statuses) => connect(order, statuses).chat.completions.create(
  { model: 'distilled', messages, seed: 5, max_tokens: 16, ...order.fields, ...fields });

const described = error => ({
  kind: error.constructor.name,
  status: error.status,
  code: error.code,
  param: error.param,
  type: error.type,
  message: error.message,
  requestId: error.requestID,
  retryAfter: error.headers?.get('retry-after-ms'),
});

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) {
    chunks.push(chunk);
  }
  return chunks;
}

export async function chat(order) {
  const answer = await create(order);
  return { ...answer, requestId: answer._request_id };
}

export const stream = async order => collect(await create(order, { stream: true, stream_options: { include_usage: true } }));

export const text = order => connect(order).completions.create(order.fields);

export const textStream = async order => collect(await connect(order).completions.create({ ...order.fields, stream: true }));

export const models = async order => (await connect(order).models.list()).data.map(model => model.id);

export const refusal = order => failure(order, described, statuses => create(order, {}, statuses));

/** The test breaks the stream off once it has begun. */
export async function broken(order) {
  let chunks = 0;
  const error = await failure(order, described, async statuses => {
    for await (const _ of await create(order, { stream: true }, statuses)) {
      if (chunks++ === 0) {
        order.event('streaming');
      }
    }
  });
  return { chunks, error };
}

/** The first answer is lost on its way; the client asks again by itself. */
export const retried = async order => {
  const client = new OpenAI({ baseURL: `${order.proxy}v1`, apiKey: 'unused', maxRetries: 2 });
  return client.chat.completions.create({ model: 'best-of-n', messages, max_tokens: 8, best_of_n: { n: 2 } });
};

/** Whole and streamed answers, while the test publishes another version. */
export const swap = order => untilSwapped(order, async () => {
  const whole = await create(order);
  const chunks = await collect(await create(order, { stream: true }));
  return {
    model: whole.model,
    text: whole.choices[0].message.content,
    streamModels: [...new Set(chunks.map(chunk => chunk.model))],
    streamText: chunks.map(chunk => chunk.choices[0]?.delta?.content ?? '').join(''),
  };
});
