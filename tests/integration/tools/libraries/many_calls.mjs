// OpenAI's SDK: one streamed call after another.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.PACKAGES}/`);
const OpenAI = require("openai").default;
const client = new OpenAI({ baseURL: `${process.env.ROUTER}/v1`, apiKey: "any", maxRetries: 0 });
for (let i = 0; i < Number(process.argv[2]); i++) {
  const stream = await client.chat.completions.create({
    model: process.env.MODEL,
    messages: [{ role: "user", content: "?" }],
    stream: true,
    stream_options: { include_usage: true },
  });
  let tokens;
  for await (const chunk of stream) tokens = chunk.usage?.completion_tokens ?? tokens;
  if (!tokens) process.exitCode = 1;
}
