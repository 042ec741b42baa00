"""Cache of a gateway's models and prices, refreshed in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from lib.core.errors import AnswerError, EndpointNotFound
from lib.core.models import ModelList
from lib.core.pricing import Price
from lib.gateway.catalog.library import Library, package_library

log = logging.getLogger(__name__)

# Lifetimes in seconds: of a list, or of the response that there is none; and of a failure.
MAX_AGE = 300.0
FAILURE_MAX_AGE = 20.0


class Catalog:
    """The gateway's models and prices. A background thread fetches them, so no page waits for a slow gateway.

    Methods may be called from any thread. `fetch_models` and `fetch_prices` may raise an AnswerError.
    """

    def __init__(
        self,
        fetch_models: Callable[[], ModelList],
        fetch_prices: Callable[[], Mapping[str, Price]] = dict,
        get_library: Callable[[], Library] = package_library,
    ) -> None:
        """`get_library` is of the library that `fetch_models` uses: a newer one expires the list."""
        self._fetch_models = fetch_models
        self._fetch_prices = fetch_prices
        self._get_library = get_library
        self._library: Library | None = None
        self._condition = threading.Condition()
        self._model_list = ModelList()
        self._expires_at = 0.0
        self._is_refreshing = False
        self._has_waited = False
        self._has_asked_for_prices = False
        self._noted_code = ""

    def model_list(self, timeout: float) -> ModelList:
        """Return the cached models; starts a refresh if they have expired.

        Only the first call, and the first after `invalidate`, waits for it, up to `timeout` seconds.
        """
        library = self._get_library()
        with self._condition:
            is_expired = time.monotonic() > self._expires_at or library is not self._library
            if is_expired and not self._is_refreshing:
                self._library = library
                self._is_refreshing = True
                threading.Thread(target=self._refresh, name="models", daemon=True).start()
            if not self._has_waited:
                self._condition.wait_for(lambda: not self._is_refreshing, timeout)
                self._has_waited = True
            return self._model_list

    @property
    def cached_model_list(self) -> ModelList:
        """The cached models, without a refresh."""
        return self._model_list

    def model_list_with_prices(self, timeout: float) -> ModelList:
        """Return the cached models once the price list was requested too, waiting for it as `model_list`."""
        self.model_list(timeout)
        with self._condition:
            self._condition.wait_for(lambda: self._has_asked_for_prices, timeout)
            return self._model_list

    def invalidate(self) -> None:
        """Expire the cache; the next `model_list` waits for the refresh."""
        with self._condition:
            self._expires_at, self._has_waited = 0.0, False

    def note_outcome(self, error: AnswerError | None) -> None:
        """Log the failure of a request for the list, once until another outcome follows."""
        code = error.code if error else ""
        with self._condition:
            is_new, self._noted_code = code != self._noted_code, code
        if error and is_new:
            log.warning("the gateway does not list its models: %s %s", error.code, error.status or "")

    def _refresh(self) -> None:
        self._refresh_models()
        try:
            self._refresh_prices()
        finally:
            with self._condition:
                self._has_asked_for_prices = True
                self._condition.notify_all()

    def _refresh_models(self) -> None:
        cached, max_age = self._model_list, FAILURE_MAX_AGE
        refreshed = replace(cached, error_code="unexpected")
        try:
            models = self._fetch_models()
            prices = {**cached.prices, **models.prices}
            refreshed, max_age = replace(models, fetched_at=time.time(), prices=prices), MAX_AGE
            self.note_outcome(None)
        except EndpointNotFound as error:
            refreshed = ModelList(error_code=error.code, is_unsupported=True, fetched_at=time.time())
            max_age = MAX_AGE
        except AnswerError as error:
            self.note_outcome(error)
            refreshed = replace(cached, error_code=error.code)
        finally:
            with self._condition:
                self._model_list = refreshed
                self._expires_at = time.monotonic() + max_age
                self._is_refreshing = False
                self._condition.notify_all()

    def _refresh_prices(self) -> None:
        try:
            prices = self._fetch_prices()
        except AnswerError as error:
            # Most gateways have no price list; prices from the model list stay.
            log.info("price list not fetched: %s %s", error.code, error.status or "")
            return
        with self._condition:
            self._model_list = replace(self._model_list, prices={**self._model_list.prices, **prices})
