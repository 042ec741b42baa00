"""LiteLLM's proxy as a process between the client and upstreams on loopback."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from lib.config.settings import Settings, Timeouts
from lib.core.target import Wire
from lib.gateway.client import Gateway
from tests.support.app_server import free_port

ROOT = Path(__file__).parent.parent.parent
PROGRAM = ROOT / ".venv-real/bin/litellm"
KEY = "sk-9f3b7c1d5e8a2046bb7e"  # long enough to be recognized in a search for leaks
# Importing LiteLLM takes ten seconds on an idle machine.
START_SECONDS = 300
# Data that it would download, of which the package has a copy.
LOCAL_COPIES = (
    "MODEL_COST_MAP",
    "ANTHROPIC_BETA_HEADERS",
    "POLICY_TEMPLATES",
    "BLOG_POSTS",
    "AUTOROUTER_PRESETS",
)


def upstream(name: str, model: str, wire: Wire, url: str) -> dict[str, object]:
    """An entry of the model list: `name` for clients, `model` at `url` over `wire` upstream."""
    base = f"{url}/v1" if wire == "openai" else url
    return {
        "model_name": name,
        "litellm_params": {"model": f"{wire}/{model}", "api_base": base, "api_key": "sk-upstream"},
    }


def mock(name: str, text: str) -> dict[str, object]:
    """An entry that the proxy answers itself with this text."""
    return {
        "model_name": name,
        "litellm_params": {"model": "openai/mock", "api_key": "sk-mock", "mock_response": text},
    }


def settings(models: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The proxy's configuration: one key, no retries, errors passed on immediately."""
    return {
        "model_list": models,
        "general_settings": {"master_key": KEY},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": {
            "num_retries": 0,
            "telemetry": False,
            # Otherwise it uses the Responses API with an OpenAI upstream, which few gateways have.
            "use_chat_completions_url_for_anthropic_messages": True,
        },
    }


def client(url: str, key: str) -> Gateway:
    """A client of the gateway at `url`, with timeouts above those of any test."""
    return Gateway(Settings(api_key=key, base_url=url, timeouts=Timeouts(connect=60.0, idle=240.0)))


class Proxy:
    """The running proxy, on a free port of 127.0.0.1. Requests to other hosts go to `blocked_proxy`."""

    def __init__(self, folder: Path, config: Mapping[str, object], blocked_proxy: str) -> None:
        self.log = folder / "log.txt"
        self.url = f"http://127.0.0.1:{free_port()}"
        assert PROGRAM.exists(), "run `make test-real`: it installs LiteLLM"
        # JSON is valid YAML, except for its escaped surrogate pairs.
        config_text = json.dumps(config, ensure_ascii=False)
        (folder / "config.yaml").write_text(config_text, encoding="utf-8")
        port = self.url.rpartition(":")[2]
        command = [str(PROGRAM), "--config", "config.yaml", "--host", "127.0.0.1", "--port", port]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env=environment(folder, blocked_proxy), stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/liveliness", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def environment(folder: Path, blocked_proxy: str) -> dict[str, str]:
    """The proxy's environment: no keys, an empty home, and `blocked_proxy` as HTTP proxy for other hosts."""
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), blocked_proxy)
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "LITELLM_MODE": "PRODUCTION",  # reads no .env file
        "DISABLE_ADMIN_UI": "True",
        **{f"LITELLM_LOCAL_{name}": "True" for name in LOCAL_COPIES},
        **proxies,
        "NO_PROXY": "127.0.0.1",
    }
