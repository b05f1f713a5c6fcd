// Drives the openai package against a server. Usage: node client.mjs <base URL> <scenario>; the last line of output is the scenario's result as JSON.
// Lines before it tell the test where the scenario stands.
import OpenAI from 'openai';

const [baseURL, scenario] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: 'unused', maxRetries: 0 });
const messages = [{ role: 'user', content: 'Perl module to parse dates.' }];

const described = error => ({
  kind: error.constructor.name,
  status: error.status,
  code: error.code,
  param: error.param,
  type: error.type,
  message: error.message,
  requestId: error.requestID,
});

async function failure(call) {
  try {
    await call();
    return null;
  } catch (error) {
    return described(error);
  }
}

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) {
    chunks.push(chunk);
  }
  return chunks;
}

const scenarios = {
  async all() {
    const chat = fields => client.chat.completions.create({ model: 'distilled', messages, seed: 5, max_tokens: 16, ...fields });
    const bestOfN = { model: 'best-of-n', best_of_n: { n: 6, return: 'ranked' } };
    const plain = await chat({});
    return {
      plain,
      requestId: plain._request_id,
      several: await chat({ n: 3, logprobs: true }),
      streamed: await collect(await chat({ stream: true, stream_options: { include_usage: true } })),
      ranked: await chat(bestOfN),
      rankedStreamed: await collect(await chat({ ...bestOfN, stream: true })),
      text: await client.completions.create({ model: 'best-of-n', prompt: '<s>Perl module<sum>', seed: 5, max_tokens: 8, best_of_n: { n: 2 } }),
      textStreamed: await collect(await client.completions.create({ model: 'distilled', prompt: '<s>Perl module<sum>', seed: 5, max_tokens: 8, stream: true })),
      models: (await client.models.list()).data.map(model => model.id),
      badRequest: await failure(() => chat({ temperature: 3 })),
      noModel: await failure(() => chat({ model: 'gpt-4o' })),
      tooLong: await failure(() => chat({ messages: [{ role: 'user', content: 'address '.repeat(5000) }] })),
      refusedStream: await failure(() => chat({ model: 'gpt-4o', stream: true })),
    };
  },

  // The first answer is lost on its way; the client asks again by itself.
  async retried() {
    const retrying = new OpenAI({ baseURL, apiKey: 'unused', maxRetries: 2 });
    return await retrying.chat.completions.create({ model: 'best-of-n', messages, max_tokens: 8, best_of_n: { n: 2 } });
  },

  // The test breaks the stream off once it has begun.
  async broken() {
    let chunks = 0;
    const error = await failure(async () => {
      const stream = await client.chat.completions.create({ model: 'distilled', messages, n: 16, max_tokens: 4000, ignore_eos: true, stream: true });
      for await (const _ of stream) {
        if (chunks++ === 0) {
          console.log('streaming');
        }
      }
    });
    return { chunks, error };
  },
};

console.log(JSON.stringify(await scenarios[scenario]()));
