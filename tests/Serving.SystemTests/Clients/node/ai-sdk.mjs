// Drives the AI SDK: the package ai over @ai-sdk/openai-compatible.
import { generateText, jsonSchema, Output, streamText } from 'ai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { failure, untilSwapped, watched } from './watched.mjs';

const settings = (order, statuses = []) => {
  const provider = createOpenAICompatible({
    name: 'serving',
    baseURL: `${order.server}v1`,
    apiKey: order.key ?? 'unused',
    includeUsage: true,
    supportsStructuredOutputs: true,
    fetch: watched(order, statuses),
  });
  return {
    model: provider(order.model ?? 'distilled'),
    prompt: order.prompt ?? 'Perl module to parse dates.',
    seed: 5,
    maxOutputTokens: 16,
    maxRetries: order.retries ?? 0,
    providerOptions: { serving: order.fields ?? {} },
    include: { responseBody: true },
    ...order.settings,
    ...(order.schema && { output: Output.object({ schema: jsonSchema(order.schema) }) }),
  };
};

const described = error => {
  const call = error.lastError ?? error;                     // what RetryError wraps
  return {
    kind: error.name,
    status: call.statusCode,
    message: call.message,
    body: call.responseBody,
    retryable: call.isRetryable,
    requestId: call.responseHeaders?.['x-request-id'],
    retryAfter: call.responseHeaders?.['retry-after-ms'],
  };
};

export async function chat(order) {
  const result = await generateText(settings(order));
  return {
    text: result.text,
    finishReason: result.finishReason,
    usage: result.usage,
    model: result.response.modelId,
    id: result.response.id,
    requestId: result.response.headers['x-request-id'],
    body: result.response.body,
    output: order.schema && result.output,
  };
}

export async function stream(order) {
  const result = streamText({ ...settings(order), onError() {} });
  const pieces = [];
  const errors = [];
  try {
    for await (const part of result.fullStream) {
      if (part.type === 'text-delta') {
        pieces.push(part.text);
        order.event('streaming');
      } else if (part.type === 'error') {
        errors.push(described(part.error));
      }
    }
  } catch (error) {
    errors.push({ ...described(error), thrown: true });      // the connection broke
  }
  return errors.length > 0 ? { pieces, errors } : {
    pieces,
    errors,
    finishReason: await result.finishReason,
    usage: await result.usage,
    model: (await result.response).modelId,
    output: order.schema && await result.output,
  };
}

export const refusal = order => failure(order, described, statuses => generateText(settings(order, statuses)));

/** Whole and streamed answers, while the test publishes another version. */
export const swap = order => untilSwapped(order, async () => {
  const whole = await generateText(settings(order));
  const streamed = streamText(settings(order));
  return { model: whole.response.modelId, text: whole.text, streamText: await streamed.text, streamModels: [(await streamed.response).modelId] };
});
