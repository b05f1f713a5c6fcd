// Scores pairs with a scorer folder of ours through transformers.js: its tokenizer, its model class, its ONNX Runtime, batches padded to their
// longest pair. Prints one JSON line: pairs, seconds, pairs per second. The loading of the model is not counted, on our side neither.
//
//   node score.mjs --model ../../models/reward/1 --pairs pairs.jsonl --out logits.jsonl [--batch 16] [--threads 1] [--sort]
//
// The order of batches is that of the file, as transformers.js leaves it; --sort sorts all pairs by length first, which it does not do by itself.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { AutoModelForSequenceClassification, AutoTokenizer, Tensor, env } from '@huggingface/transformers';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    pairs: { type: 'string' },
    out: { type: 'string' },
    batch: { type: 'string', default: '16' },
    threads: { type: 'string', default: '1' },
    sort: { type: 'boolean', default: false },
  },
});
const batchSize = Number(values.batch);
const threads = Number(values.threads);

// transformers.js wants the graph below onnx/; the graph names its weights as a file beside it.
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'transformers-js-'));
const folder = path.join(root, 'scorer');
fs.mkdirSync(path.join(folder, 'onnx'), { recursive: true });
for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
  fs.copyFileSync(path.join(values.model, file), path.join(folder, file));
}
for (const file of ['model.onnx', 'model.safetensors']) {
  fs.copyFileSync(path.join(values.model, file), path.join(folder, 'onnx', file));
}
env.allowRemoteModels = false;
env.localModelPath = root;

const config = JSON.parse(fs.readFileSync(path.join(folder, 'config.json'), 'utf8'));
const tokenizer = await AutoTokenizer.from_pretrained('scorer');
const model = await AutoModelForSequenceClassification.from_pretrained('scorer', {
  dtype: 'fp32',
  device: 'cpu',
  session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 },
});
const { begin, end } = { begin: 1, end: 2 };       // <s> and </s> of our tokenizers
const canonical = canonicalIds();

const pairs = fs.readFileSync(values.pairs, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
await logitsOf(pairs.slice(0, 2 * batchSize).map(encode));        // warm
const start = process.hrtime.bigint();
const logits = await scoreAll(pairs);
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
if (values.out) {
  fs.writeFileSync(values.out, logits.map((logit) => JSON.stringify(logit)).join('\n') + '\n');
}
fs.rmSync(root, { recursive: true });
console.log(JSON.stringify({ pairs: pairs.length, seconds, pairsPerSecond: pairs.length / seconds, rssMiB: Math.round(process.memoryUsage().rss / 2 ** 20) }));

async function scoreAll(all) {
  const result = new Array(all.length);
  const order = all.map((_, i) => i);
  let encoded = null;
  if (values.sort) {
    encoded = all.map(encode);
    order.sort((a, b) => encoded[a].ids.length - encoded[b].ids.length);
  }

  for (let at = 0; at < order.length; at += batchSize) {
    const indices = order.slice(at, at + batchSize);
    const rows = await logitsOf(indices.map((i) => (encoded ? encoded[i] : encode(all[i]))));
    indices.forEach((i, row) => (result[i] = rows[row]));
  }

  return result;
}

/** Packs a pair as the scorer was trained: <s> source </s> answer </s>, only the source is cut. */
function encode({ source, answer }) {
  let left = ids(source);
  let right = ids(answer);
  const room = config.max_position_embeddings - 3;
  right = right.slice(0, room);
  left = left.slice(0, room - right.length);
  const types = config.marks_overlap ? overlapTypes(left, right) : [...left.map(() => 0), 0, 0, ...right.map(() => 1), 1];
  return { ids: [begin, ...left, end, ...right, end], types };
}

function ids(text) {
  return tokenizer.encode(text.trim(), { add_special_tokens: false });
}

/** 0 and 2 for the two texts, plus 1 where the same token (apart from case and leading space) stands in the other one. */
function overlapTypes(left, right) {
  const inLeft = new Set(left.map((id) => canonical[id]));
  const inRight = new Set(right.map((id) => canonical[id]));
  return [0, ...left.map((id) => (inRight.has(canonical[id]) ? 1 : 0)), 0, ...right.map((id) => (inLeft.has(canonical[id]) ? 3 : 2)), 2];
}

function canonicalIds() {
  const { model: bpe } = JSON.parse(fs.readFileSync(path.join(values.model, 'tokenizer.json'), 'utf8'));
  const firsts = new Map();
  const result = [];
  for (const [token, id] of Object.entries(bpe.vocab).sort((a, b) => a[1] - b[1])) {
    const text = token.replace(/^\u0120+|\u0120+$/g, '').replace(/[A-Z]/g, (letter) => letter.toLowerCase());      // \u0120 is the byte-level space
    result[id] = text.length === 0 ? id : (firsts.get(text) ?? (firsts.set(text, id), id));
  }

  return result;
}

async function logitsOf(rows) {
  const width = Math.max(...rows.map((row) => row.ids.length));
  const [inputIds, mask, types] = [0, 0, 0].map(() => new BigInt64Array(rows.length * width));
  inputIds.fill(BigInt(config.pad_token_id ?? 0));
  rows.forEach((row, r) => {
    for (let i = 0; i < row.ids.length; i++) {
      inputIds[r * width + i] = BigInt(row.ids[i]);
      mask[r * width + i] = 1n;
      types[r * width + i] = BigInt(row.types[i]);
    }
  });
  const dims = [rows.length, width];
  const { logits } = await model({
    input_ids: new Tensor('int64', inputIds, dims),
    attention_mask: new Tensor('int64', mask, dims),
    token_type_ids: new Tensor('int64', types, dims),
  });
  return logits.tolist();
}
