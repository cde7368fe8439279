"""Configurations of other routers, in the shapes of their own examples."""

CLAUDE_CODE_ROUTER = r"""
{
  // Comments and commas at ends are allowed there.
  "Providers": [
    {
      "name": "openrouter",
      "api_base_url": "https://openrouter.ai/api/v1/chat/completions",
      "api_key": "sk-or-hidden-one",
      "models": ["google/gemini-2.5-pro", "anthropic/claude-sonnet-4"],
      "transformer": {
        "use": [["openrouter", {"referer": "https://me.example", "title": "mine",
                                "provider": {"order": ["a"]}}]],
      },
    },
    {
      "name": "deepseek",
      "api_base_url": "https://api.deepseek.com/chat/completions",
      "api_key": "$DEEPSEEK_KEY",
      "models": ["deepseek-chat", "deepseek-reasoner"],
      "transformer": {"use": ["deepseek"], "deepseek-chat": {"use": ["tooluse", "my-own"]}}
    },
    {
      "name": "local models",
      "api_base_url": "http://192.168.1.7:9000/v1/chat/completions",
      "api_key": "",
      "models": ["qwen3"],
      "transformer": {"use": [["maxtoken", {"max_tokens": 16384}], "enhancetool"]}
    },
    {
      "name": "claude",
      "api_base_url": "https://gateway.example/v1/messages",
      "api_key": "sk-gateway-hidden",
      "models": ["claude-sonnet-4-5"],
      "transformer": {"use": ["Anthropic", ["customparams", {"top_k": 7}]]}
    }
  ],
  "Router": {
    "default": "deepseek,deepseek-chat",
    "background": "local models,qwen3",
    "think": "deepseek,deepseek-reasoner",
    "longContext": "openrouter,google/gemini-2.5-pro",
    "longContextThreshold": 60000,
    "webSearch": ""
  },
  "fallback": {"default": ["openrouter,anthropic/claude-sonnet-4"]},
  "APIKEY": "client-hidden-key",
  "PROXY_URL": "http://user:proxy-pass@127.0.0.1:7890",
  "HOST": "0.0.0.0",
  "API_TIMEOUT_MS": 600000,
  "NON_INTERACTIVE_MODE": false,
  "CUSTOM_ROUTER_PATH": "/home/me/router.js",
  "LOG": true
}
"""

LITELLM = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure-like/gpt-4o-eu
      api_base: https://eu.example/openai/v1
      api_key: os.environ/EU_KEY
      rpm: 6
      tpm: 12000
      weight: 2
    model_info: {mode: chat, max_input_tokens: 128000}
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_key: sk-openai-hidden,
                     input_cost_per_token: 0.0000025, output_cost_per_token: 0.00001}
  - model_name: claude
    litellm_params: {model: claude-sonnet-4-5, api_key: sk-ant-hidden, temperature: 0.2}
  - model_name: ranked
    litellm_params: {model: openrouter/qwen/qwen3, api_key: sk-or-hidden, order: 2}
  - model_name: ranked
    litellm_params: {model: groq/qwen3-32b, api_key: gsk-hidden, order: 1}
  - model_name: "mistral/*"
    litellm_params: {model: "mistral/*", api_key: mistral-hidden}
  - model_name: cohere
    litellm_params: {model: cohere/command-r, api_key: co-hidden}
router_settings:
  routing_strategy: simple-shuffle
  num_retries: 2
  timeout: 120
  cooldown_time: 30
  fallbacks: [{gpt-4o: [claude]}]
  context_window_fallbacks: [{claude: [ranked]}]
  model_group_alias: {gpt-4: gpt-4o}
  redis_host: os.environ/REDIS_HOST
litellm_settings:
  drop_params: true
  callbacks: [langfuse]
  default_fallbacks: [ranked]
general_settings:
  master_key: sk-master-hidden
  database_url: os.environ/DATABASE_URL
  alerting: [slack]
environment_variables: {X: "1"}
"""

CLIPROXYAPI = r"""
host: ""
port: 8317
tls: {enable: false, cert: "", key: ""}
remote-management: {allow-remote: false, secret-key: "$2a$10$abcdef", disable-control-panel: false}
auth-dir: "~/.cli-proxy-api"
api-keys: [client-hidden-one, client-hidden-two]
debug: true
proxy-url: "socks5://me:proxy-pass@10.0.0.1:1080"
request-retry: 3
max-retry-credentials: 2
max-retry-interval: 30
quota-exceeded: {switch-project: true}
routing: {strategy: weighted-round-robin, session-affinity: false}
streaming: {keepalive-seconds: 15, bootstrap-retries: 1}
gemini-api-key:
  - api-key: AIza-hidden-one
    weight: 5
    headers: {X-Custom: value, X-Session: "$ABC"}
    models: [{name: gemini-2.5-flash, alias: flash, max-context-length: 1048576,
              thinking: {levels: [high, low, auto]}, display-name: Flash}]
    excluded-models: ["*-preview"]
  - {api-key: AIza-hidden-two, proxy-url: none}
codex-api-key:
  - api-key: sk-codex-hidden
    base-url: https://codex.example
    prefix: test
    websockets: true
    request-scoped-errors:
      - {status: 400, match: [context_window_exceeded], match-regexr: ["^too"], action: stop}
      - {status: 500, match: [boom], action: continue}
claude-api-key:
  - api-key: sk-ant-hidden
    cloak: {mode: auto}
    disable-cooling: true
openai-compatibility:
  - name: openrouter
    prefix: or
    base-url: https://openrouter.ai/api/v1
    api-key-entries:
      - {api-key: sk-or-hidden-one, weight: 5, proxy-url: direct}
      - {api-key: sk-or-hidden-two}
    models:
      - {name: "moonshotai/kimi-k2:free", alias: kimi-k2}
      - {name: glm-5, alias: pool}
      - {name: kimi-k2.5, alias: pool, force-mapping: true}
  - {name: gone, disabled: true, base-url: "https://gone.example",
     api-key-entries: [{api-key: x-hidden}]}
oauth-model-alias: {claude: [{name: a, alias: b}]}
payload:
  default:
    - models: [{name: gemini-*, protocol: gemini}]
      params: {generationConfig.thinkingConfig.thinkingBudget: 32768}
  override-raw:
    - models: [{name: gpt-*, protocol: codex}]
      params: {response_format: '{"type":"json_object"}', broken: '{'}
  filter:
    - models: [{name: "*", protocol: antigravity}]
      params: [metadata.user_id]
plugins: {enabled: false, dir: plugins}
"""

TEXTS = {
    "claude-code-router": CLAUDE_CODE_ROUTER,
    "litellm": LITELLM,
    "cliproxyapi": CLIPROXYAPI,
}
"""By the source's name."""

SECRETS = ("-hidden", "proxy-pass")
"""Words that are part of every secret of the examples, and of nothing else."""
