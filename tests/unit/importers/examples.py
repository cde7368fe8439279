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

NINE_ROUTER = r"""
{
  "settings": {
    "comboStrategy": "fallback",
    "comboStrategies": {"spread": {"fallbackStrategy": "round-robin"},
                        "panel": {"fallbackStrategy": "fusion"}},
    "providerStrategies": {"openrouter": {"fallbackStrategy": "fill-first",
                                          "stickyRoundRobinLimit": 3}},
    "stickyRoundRobinLimit": 3, "cloudEnabled": false, "tunnelEnabled": true,
    "password": "x-hidden",
    "outboundProxyEnabled": true, "outboundProxyUrl": "http://127.0.0.1:7897"
  },
  "providerConnections": [
    {"id": "c1", "provider": "openrouter", "authType": "apikey", "name": "second", "priority": 2,
     "isActive": true, "apiKey": "sk-or-hidden-two", "testStatus": "active",
     "createdAt": "2026-01-01", "updatedAt": "2026-01-01"},
    {"id": "c2", "provider": "openrouter", "authType": "apikey", "name": "first", "priority": 1,
     "isActive": true, "apiKey": "sk-or-hidden-one",
     "providerSpecificData": {"proxyPoolId": "p1"}},
    {"id": "c3", "provider": "glm", "authType": "apikey", "apiKey": "glm-hidden", "isActive": true},
    {"id": "c4", "provider": "claude", "authType": "oauth", "email": "me@mail.example",
     "accessToken": "at-hidden", "refreshToken": "rt-hidden", "isActive": true},
    {"id": "c5", "provider": "openai-compatible-chat-77", "authType": "apikey",
     "apiKey": "node-hidden", "isActive": true, "providerSpecificData": {"prefix": "my"}},
    {"id": "c6", "provider": "unheard-of", "authType": "apikey", "apiKey": "x-hidden-2"},
    {"id": "c7", "provider": "groq", "authType": "apikey", "apiKey": "gsk-hidden",
     "isActive": false}
  ],
  "providerNodes": [
    {"id": "openai-compatible-chat-77", "type": "openai-compatible", "name": "my node",
     "prefix": "my", "apiType": "chat", "baseUrl": "https://node.example/v1"},
    {"id": "anthropic-compatible-8", "type": "anthropic-compatible", "name": "idle", "prefix": "i",
     "baseUrl": "https://idle.example"}
  ],
  "proxyPools": [{"id": "p1", "name": "home", "proxyUrl": "socks5://u:proxy-pass@10.0.0.1:1080",
                  "isActive": true, "noProxy": "localhost"}],
  "modelAliases": {"fast": "glm/glm-4.7-flash"},
  "customModels": [{"providerAlias": "my", "id": "m"}],
  "mitmAlias": {"claude": {"a": "b"}},
  "combos": [
    {"id": "k1", "name": "stack", "models": ["glm/glm-4.7", "my/qwen3", "cc/claude-opus-4-6"]},
    {"id": "k2", "name": "spread", "kind": "llm", "models": ["openrouter/a/b", "glm/glm-4.7"]},
    {"id": "k3", "name": "panel", "models": ["glm/glm-4.7"]}
  ],
  "apiKeys": [{"id": "a1", "name": "laptop", "key": "client-hidden", "machineId": "m"},
              {"id": "a2", "name": "old", "key": "old-hidden", "isActive": false}],
  "pricing": {"glm": {"glm-4.7": {"input": 0.6, "output": 2.2, "cached": 0.11, "reasoning": 3}}},
  "disabledModels": {"openrouter": ["*-free"]}
}
"""

ONE_API = r"""
{
  "channels": [
    {"id": 1, "type": 29, "key": "gsk-hidden", "status": 1, "name": "fast", "base_url": "",
     "models": "llama-3.3-70b", "group": "default", "priority": 0, "model_mapping": "",
     "config": "", "system_prompt": null}
  ],
  "tokens": [
    {"id": 1, "user_id": 1, "key": "abcdefhidden", "status": 1, "name": "me", "expired_time": -1,
     "unlimited_quota": 1, "remain_quota": 0, "models": "llama-3.3-70b", "subnet": "10.0.0.0/8"}
  ],
  "users": [{"id": 1}], "logs": []
}
"""

NEW_API = r"""
{
  "channels": [
    {"id": 1, "type": 1, "key": "sk-one-hidden\nsk-two-hidden\nsk-off-hidden", "status": 1,
     "name": "OpenAI main", "weight": 3, "base_url": "", "models": "gpt-4o,gpt-4", "group": "vip",
     "model_mapping": "{\"gpt-4\": \"gpt-4-0613\"}", "priority": 10, "auto_ban": 1,
     "param_override": "{\"temperature\": 0}", "header_override": "{\"X-Api-Token\": \"t-hidden\"}",
     "status_code_mapping": "{\"400\": \"500\"}", "setting": "{\"proxy\": \"http://10.0.0.1:1\"}",
     "channel_info": {"is_multi_key": true, "multi_key_size": 3, "multi_key_mode": "random",
                      "multi_key_status_list": {"2": 3}}},
    {"id": 2, "type": 43, "key": "ds-hidden", "status": 1, "name": "deepseek", "models": "gpt-4o",
     "priority": 5, "channel_info": "{\"is_multi_key\": false}", "tag": "x"},
    {"id": 3, "type": 17, "key": "ali-hidden", "status": 1, "name": "ali", "models": "qwen-max",
     "param_override": "{\"operations\": [{\"mode\": \"set\"}]}"},
    {"id": 4, "type": 8, "key": "x-hidden", "status": 2, "name": "off"},
    {"id": 5, "type": 36, "key": "suno-hidden", "status": 1, "name": "suno", "models": "suno"}
  ],
  "tokens": [
    {"id": 1, "key": "tokenhidden-one-hidden", "status": 1, "name": "alice",
     "expired_time": 1924988400, "remain_quota": 1250000, "unlimited_quota": 0,
     "model_limits_enabled": 1, "model_limits": "gpt-4o,qwen-max",
     "allow_ips": "10.0.0.0/8\n192.168.1.7", "group": ""},
    {"id": 2, "key": "two-hidden", "status": 2, "name": "alice", "expired_time": -1,
     "unlimited_quota": 1, "model_limits_enabled": 0, "model_limits": ""}
  ],
  "users": [{"id": 1, "username": "root"}],
  "options": [{"key": "Theme", "value": "dark"}]
}
"""

BIFROST = r"""
{
  "$schema": "https://www.getbifrost.ai/schema",
  "client": {"enable_logging": true, "initial_pool_size": 300},
  "providers": {
    "openai": {
      "keys": [
        {"id": "k1", "name": "main", "value": "env.OPENAI_KEY_OF_BIFROST", "models": ["*"],
         "weight": 0.7},
        {"id": "k2", "name": "other", "value": "sk-hidden-two", "models": [], "weight": 0.3},
        {"id": "k3", "name": "mini", "value": "sk-hidden-three", "models": ["gpt-4o-mini"]}
      ],
      "network_config": {"base_url": "", "extra_headers": {"X-Team": "a"}, "max_retries": 2,
                         "default_request_timeout_in_seconds": 60},
      "concurrency_and_buffer_size": {"concurrency": 10}
    },
    "azure": {
      "keys": [{"id": "k4", "value": "azure-hidden", "weight": 1, "models": ["gpt-4o"],
                "azure_key_config": {"endpoint": "https://eu.openai.azure.com/",
                                     "api_version": "2025-03-01",
                                     "deployments": {"gpt-4o": "dep"}}}]
    },
    "bedrock": {
      "keys": [{"id": "k5", "weight": 1, "models": ["*"],
                "bedrock_key_config": {"access_key": "env.AWS_A", "secret_key": "aws-hidden",
                                       "region": "us-east-1"}}]
    },
    "mine": {
      "keys": [{"value": "mine-hidden"}],
      "network_config": {"base_url": "https://mine.example"},
      "custom_provider_config": {"base_provider_type": "anthropic"},
      "proxy_config": {"type": "http", "url": "http://10.0.0.1:3128", "username": "u",
                       "password": "proxy-pass"}
    }
  },
  "governance": {
    "budgets": [{"id": "b1", "max_limit": 50, "reset_duration": "1M"},
                {"id": "b2", "max_limit": 1}],
    "rate_limits": [{"id": "r1", "request_max_limit": 100, "request_reset_duration": "1h",
                     "token_max_limit": 5000, "token_reset_duration": "1m"}],
    "virtual_keys": [
      {"id": "v1", "name": "team-a", "value": "sk-bf-hidden", "is_active": true, "budget_id": "b1",
       "rate_limit_id": "r1", "team_id": "t",
       "provider_configs": [{"provider": "openai", "allowed_models": ["gpt-4o"], "weight": 0.5},
                            {"provider": "azure", "key_ids": ["k4"]}]},
      {"id": "v2", "name": "team-b", "value": "sk-bf-hidden-b", "is_active": false}
    ],
    "routing_rules": [{"id": "x"}]
  },
  "mcp": {"client_configs": [{"name": "files"}]},
  "plugins": [{"name": "semantic_cache", "enabled": true}]
}
"""

CLAUDE_CODE_ROUTER_3 = r"""
{
  "Providers": [
    {"id": "p1", "name": "open router", "api_base_url": "https://openrouter.ai/api/v1",
     "type": "openai_chat_completions", "models": ["qwen/qwen3"],
     "api_key": "sk-or-hidden-one",
     "credentials": [{"id": "a", "api_key": "sk-or-hidden-one", "priority": 2,
                      "limits": {"rpm": 60, "tph": 100000}},
                     {"id": "b", "apiKey": "sk-or-hidden-two", "weight": 3},
                     {"id": "c", "apiKey": "sk-or-hidden-off", "enabled": false}],
     "extraHeaders": {"X-Title": "mine"}, "extraBody": {"top_k": 4},
     "account": {"enabled": true}, "capabilities": [{"type": "x"}]},
    {"name": "odd", "baseUrl": "https://odd.example/v1", "protocol": "unheard_of",
     "apiKey": "$ODD_KEY", "models": []},
    {"name": "nowhere"}
  ],
  "APIKEYS": [
    {"id": "k", "name": "laptop", "key": "client-hidden", "createdAt": "2026-01-01",
     "expiresAt": "2031-01-31T00:00:00Z",
     "limits": {"rpm": 10, "maxTokens": 5000, "quotaWindowMs": 3600000, "ipm": 4}},
    {"id": "l", "name": "laptop", "key": "other-hidden"}
  ],
  "Router": {
    "builtInRules": {"codex": {"enabled": true}},
    "fallback": {"mode": "model-chain", "models": ["open router/qwen/qwen3", "odd/x"],
                 "retryCount": 1},
    "rules": [
      {"id": "r1", "name": "opus", "type": "model-prefix", "enabled": true,
       "pattern": "claude-opus", "target": "open router/qwen/qwen3", "rewrites": [{"key": "a"}]},
      {"id": "r2", "name": "s", "type": "script", "enabled": true, "script": {"file": "x.js"}},
      {"id": "r3", "name": "off", "type": "model-prefix", "enabled": false, "pattern": "x"}
    ]
  },
  "proxy": {"enabled": false, "port": 7890,
            "upstream": {"mode": "custom", "custom": {"server": "10.0.0.1", "port": 3128,
                                                      "username": "u", "password": "proxy-pass"}}},
  "API_TIMEOUT_MS": 600000, "HOST": "127.0.0.1", "PORT": 3456, "theme": "system",
  "virtualModelProfiles": [{"id": "v", "key": "fusion"}]
}
"""

TEXTS = {
    "claude-code-router": CLAUDE_CODE_ROUTER,
    "litellm": LITELLM,
    "cliproxyapi": CLIPROXYAPI,
    "9router": NINE_ROUTER,
    "one-api": ONE_API,
    "new-api": NEW_API,
    "bifrost": BIFROST,
    "claude-code-router 3": CLAUDE_CODE_ROUTER_3,
}
"""By the source's name, with the version where there are several."""

SECRETS = ("-hidden", "proxy-pass")
"""Words that are part of every secret of the examples, and of nothing else."""
