"""The store: one database, and an object for each aggregate in it."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa

from lib.core.file_storage import UPLOAD_RETENTION_SECONDS, FileStorage
from lib.storage.audit import Audit
from lib.storage.comparisons import Comparisons, purge_comparisons
from lib.storage.conversations import Conversations, purge_conversations
from lib.storage.database.engine import LOCK_TIMEOUT, connect, read_transaction, write_transaction
from lib.storage.exchanges import Exchanges
from lib.storage.files.attachments import Attachments, purge_attachments
from lib.storage.gateway_checks import GatewayChecks
from lib.storage.messages import Messages, purge_nodes
from lib.storage.policy import Policies
from lib.storage.preferences import UserPreferences
from lib.storage.projects import Projects
from lib.storage.prompts import Prompts, purge_prompts
from lib.storage.queue import Queue
from lib.storage.quotas import Quotas, purge_quotas
from lib.storage.refused_params import RefusedParams
from lib.storage.search.query import Search
from lib.storage.server_secrets import ServerSecrets
from lib.storage.shares import Shares
from lib.storage.sign_ins import SignIns, purge_sign_ins
from lib.storage.submissions import purge_submissions
from lib.storage.usage import UsageRecords
from lib.storage.users import Users

_DEFAULT_FILE_STORAGE = FileStorage()


class Store:
    """A database. Its aggregates may be used from any thread; each method is one transaction.

    Every query is scoped to its owner: rows of another owner look like missing rows. All methods may raise
    StoreError.
    """

    def __init__(
        self,
        url: str,
        lock_timeout: float = LOCK_TIMEOUT,
        on_refusal: Callable[[], None] = lambda: None,
        file_storage: FileStorage = _DEFAULT_FILE_STORAGE,
        on_transaction: Callable[[str, float], None] = lambda *_: None,
    ) -> None:
        """Open the database of `url`, and wait at most `lock_timeout` seconds for another writer.

        `on_refusal` is called for each error of the database, and `on_transaction` after each transaction with "read"
        or "write" and its seconds.
        """
        self._engine = engine = connect(url, lock_timeout, on_refusal, on_transaction)
        self.conversations = Conversations(engine)
        self.comparisons = Comparisons(engine)
        self.messages = Messages(engine)
        self.attachments = Attachments(engine, file_storage)
        self.exchanges = Exchanges(engine)
        self.queue = Queue(engine)
        self.search = Search(engine)
        self.shares = Shares(engine)
        self.projects = Projects(engine)
        self.prompts = Prompts(engine)
        self.usage = UsageRecords(engine)
        self.quotas = Quotas(engine)
        self.users = Users(engine, self.attachments.sweep)
        self.sign_ins = SignIns(engine)
        self.policy = Policies(engine)
        self.refused_params = RefusedParams(engine)
        self.gateway_checks = GatewayChecks(engine)
        self.audit = Audit(engine)
        self.server_secrets = ServerSecrets(engine)
        self.preferences = UserPreferences(engine)

    def close(self) -> None:
        self._engine.dispose()

    def count_connections(self) -> int:
        """Return the number of connections to the database in use."""
        pool = self._engine.pool
        return pool.checkedout() if isinstance(pool, sa.QueuePool) else 0

    def ping(self) -> None:
        """Ping the database. Raises StoreError when it does not answer."""
        with read_transaction(self._engine) as connection:
            connection.scalar(sa.select(1))

    def purge_deleted(self, max_age: float) -> int:
        """Remove rows soft deleted more than `max_age` seconds ago, and expired quotas, sign-ins and idempotency keys.

        Files that no message uses any more go with them. Returns the number of purged conversations.
        """
        now = time.time()
        with write_transaction(self._engine) as connection:
            purge_nodes(connection, now - max_age)
            purge_quotas(connection, now)
            purge_sign_ins(connection, now)
            purge_submissions(connection, now)
            purge_prompts(connection, now - max_age)
            purge_comparisons(connection, now - max_age)
            count = purge_conversations(connection, now - max_age)
            purge_attachments(connection, now - UPLOAD_RETENTION_SECONDS)
        self.attachments.sweep()
        return count
