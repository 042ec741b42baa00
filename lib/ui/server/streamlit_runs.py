"""Less work in each script run: Streamlit's own where it does for other apps what this one does not need.

Like `streamlit_private`, this relies on parts of Streamlit that are not public API.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import streamlit
from streamlit import delta_generator
from streamlit.components.v2.bidi_component import serialization
from streamlit.components.v2.bidi_component.state import ComponentResult
from streamlit.elements.lib.form_utils import current_form_id
from streamlit.elements.lib.layout_utils import Height, LayoutConfig, Width
from streamlit.elements.lib.utils import compute_and_register_element_id
from streamlit.proto.BidiComponent_pb2 import BidiComponent
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import Runtime, app_session
from streamlit.runtime.scriptrunner import ScriptRunner, get_script_run_ctx
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.state.session_state_proxy import SessionStateProxy


def reduce_costs() -> None:
    """Leave out of each script run what Streamlit does for other apps than this one, or again and again."""
    _read_state_by_key()
    _read_own_values_directly()
    _keep_compiled_scripts()
    _check_requests_by_state()
    _mount_without_widgets()
    _build_theme_once()
    # Streamlit would look for a Python prompt in its first run, and for that in the files of all modules.
    prompt_warning: Any = delta_generator
    prompt_warning._use_warning_has_been_displayed = True
    # No component of this app has a data frame in its data: twenty questions for each value, in each run.
    component_data: Any = serialization
    component_data.is_dataframe_like = lambda value: False


class StateView(Mapping[str, Any]):
    """The values of a session by the keys of its app, each read when it is asked for.

    Streamlit's own is a new dictionary of all values: each field of a form builds one to look its own value up.
    """

    def __init__(self, state: SafeSessionState) -> None:
        self._state = state._state
        self._lock = state._lock

    def __getitem__(self, key: str) -> Any:
        with self._lock:
            return self._state[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._build())

    def __len__(self) -> int:
        return len(self._build())

    def __repr__(self) -> str:
        return repr(self._build())

    def _build(self) -> dict[str, Any]:
        with self._lock:
            return self._state.filtered_state


def _read_state_by_key() -> None:
    """Let Streamlit look a value of the session up without building a dictionary of all of them."""
    SafeSessionState.filtered_state = property(StateView)  # type: ignore[assignment, method-assign]


def _read_own_values_directly() -> None:
    """Read the app's own values from the dictionaries of the session, without the questions about widgets.

    As before, each access ends the run if that is requested.
    """
    proxy_class: Any = SessionStateProxy
    read = proxy_class.__getitem__

    def read_directly(proxy: SessionStateProxy, key: str) -> Any:
        context = get_script_run_ctx(suppress_warning=True)
        if context is None:
            return read(proxy, key)
        context.session_state._yield_callback()
        state = context.session_state._state
        if key not in state._key_id_mapper:
            # In this order: the values move from the first to the second one when a run begins.
            for values in (state._new_session_state, state._old_state):
                if key in values:
                    return values[key]
        return read(proxy, key)

    proxy_class.__getitem__ = read_directly


def _keep_compiled_scripts() -> None:
    """Compile a script once for each version of its file; Streamlit forgets all when the last visitor leaves."""
    get_compiled = ScriptCache.get_bytecode
    compiled: dict[str, tuple[int, Any]] = {}

    def get_bytecode(cache: ScriptCache, path: str) -> Any:
        version = Path(path).stat().st_mtime_ns
        known = compiled.get(path)
        if known is None or known[0] != version:
            known = compiled[path] = version, get_compiled(ScriptCache(), path)
        return known[1]

    cache_class: Any = ScriptCache
    cache_class.get_bytecode = get_bytecode


def compile_script(path: str) -> None:
    """Compile a script before its first run."""
    ScriptCache().get_bytecode(path)


def _check_requests_by_state() -> None:
    """Look at each element and access only whether a request to end the run has come, before all else."""
    handle_request = ScriptRunner._maybe_handle_execution_control_request

    def handle_request_if_any(runner: ScriptRunner) -> None:
        # This app renders no fragments in parallel, whose errors would be looked for here too.
        if runner._requests._state is not ScriptRequestType.CONTINUE:
            handle_request(runner)

    runner_class: Any = ScriptRunner
    runner_class._maybe_handle_execution_control_request = handle_request_if_any


def _mount_without_widgets() -> None:
    """Send a component that calls nothing back as an element, without the two widgets that would hold its state."""
    commands: Any = streamlit
    mount = commands._bidi_component
    main = mount.__self__

    def mount_element(
        name: str, *, key: str, isolate_styles: bool, data: Any, width: Width, height: Height, **options: Any
    ) -> ComponentResult:
        definition = Runtime.instance().bidi_component_registry.get(name) if Runtime.exists() else None
        if definition is None or not isinstance(data, dict | None) or any(options.values()):
            result: ComponentResult = mount(name, key, isolate_styles, data, width=width, height=height, **options)
            return result
        element = BidiComponent(
            id=compute_and_register_element_id("bidi_component", user_key=key, key_as_main_identity=True, dg=main),
            component_name=name,
            isolate_styles=isolate_styles,
            js_content=definition.js_content or "",
            js_source_path=definition.js_url or "",
            html_content=definition.html_content or "",
            css_content=definition.css_content or "",
            css_source_path=definition.css_url or "",
            form_id=current_form_id(main),
        )
        if data is not None:
            element.json = json.dumps(data)
        main._enqueue("bidi_component", element, layout_config=LayoutConfig(width=width, height=height))
        return ComponentResult({}, {})

    commands._bidi_component = mount_element


def _build_theme_once() -> None:
    """Build the message about the theme once: each run sends it, and its options do not change after the start."""
    module: Any = app_session
    build = module._populate_theme_msg
    themes: dict[str, CustomThemeConfig] = {}

    def build_once(message: CustomThemeConfig, section: str = "theme") -> None:
        if section not in themes:
            theme = CustomThemeConfig()
            build(theme, section)
            themes[section] = theme
        if themes[section].ListFields():
            message.MergeFrom(themes[section])

    module._populate_theme_msg = build_once
