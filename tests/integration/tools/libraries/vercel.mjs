// The AI SDK, streamed, by the API that the first argument names.
import { execSync } from "node:child_process";
import { createRequire } from "node:module";

// The packages are not beside this file.
const require = createRequire(`${process.env.PACKAGES}/`);
const { streamText, tool, stepCountIs } = require("ai");
const { z } = require("zod");
const { ROUTER, MODEL, PROMPT } = process.env;

function model(api) {
  const settings = { baseURL: `${ROUTER}/v1`, apiKey: "any" };
  switch (api) {
    case "anthropic":
      return require("@ai-sdk/anthropic").createAnthropic(settings)(MODEL);
    case "compatible":
      return require("@ai-sdk/openai-compatible").createOpenAICompatible({
        ...settings,
        name: "router",
      })(MODEL);
    case "responses":
      return require("@ai-sdk/openai").createOpenAI(settings).responses(MODEL);
    default:
      return require("@ai-sdk/openai").createOpenAI(settings).chat(MODEL);
  }
}

const shell = tool({
  description: "Runs a shell command",
  inputSchema: z.object({ command: z.string() }),
  execute: async ({ command }) => execSync(command).toString(),
});
const result = streamText({
  model: model(process.argv[2]),
  prompt: PROMPT,
  tools: { shell },
  stopWhen: stepCountIs(9),
  maxRetries: 0,
  onError: ({ error }) => {
    console.error(error);
    process.exitCode = 1;
  },
});
for await (const text of result.textStream) process.stdout.write(text);
