CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE conversation (
    id VARCHAR(32) NOT NULL,
    owner VARCHAR(255) NOT NULL,
    title TEXT NOT NULL,
    head VARCHAR(32),
    model TEXT,
    wire VARCHAR(16),
    params JSON NOT NULL,
    created DOUBLE NOT NULL,
    updated DOUBLE NOT NULL,
    deleted DOUBLE, rev INTEGER DEFAULT '0' NOT NULL, titled VARCHAR(16) DEFAULT 'person' NOT NULL, folder TEXT DEFAULT '' NOT NULL, pinned BOOLEAN DEFAULT 0 NOT NULL, archived BOOLEAN DEFAULT 0 NOT NULL, unread BOOLEAN DEFAULT 0 NOT NULL, window JSON, title_tokens TEXT DEFAULT '' NOT NULL, persona JSON, comparison VARCHAR(32) REFERENCES comparison (id) ON DELETE CASCADE,
    PRIMARY KEY (id)
);

CREATE TABLE node (
    id VARCHAR(32) NOT NULL,
    conversation VARCHAR(32) NOT NULL,
    parent VARCHAR(32),
    role VARCHAR(16) NOT NULL,
    parts JSON NOT NULL,
    created DOUBLE NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    reason TEXT NOT NULL,
    model TEXT,
    wire VARCHAR(16),
    usage JSON NOT NULL,
    timing JSON NOT NULL,
    failure JSON,
    request_id TEXT NOT NULL,
    beat DOUBLE NOT NULL, served JSON, deleted DOUBLE, request VARCHAR(32) DEFAULT '' NOT NULL, rating VARCHAR(8), comment TEXT, persona JSON,
    PRIMARY KEY (id),
    FOREIGN KEY(conversation) REFERENCES conversation (id) ON DELETE CASCADE,
    FOREIGN KEY(parent) REFERENCES node (id) ON DELETE CASCADE
);

CREATE INDEX node_conversation ON node (conversation);

CREATE INDEX node_parent ON node (parent);

CREATE TABLE preference (
    owner VARCHAR(255) NOT NULL,
    name VARCHAR(32) NOT NULL,
    value JSON NOT NULL,
    PRIMARY KEY (owner, name)
);

CREATE INDEX conversation_owner ON conversation (owner, created, id);

CREATE INDEX conversation_deleted ON conversation (deleted) WHERE deleted IS NOT NULL;

CREATE INDEX node_arriving ON node (conversation) WHERE outcome = 'arriving';

CREATE INDEX node_deleted ON node (deleted) WHERE deleted IS NOT NULL;

CREATE TABLE passage (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    node VARCHAR(32) NOT NULL,
    n INTEGER NOT NULL,
    tokens TEXT NOT NULL,
    FOREIGN KEY(node) REFERENCES node (id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX passage_node ON passage (node, n);

CREATE VIRTUAL TABLE passage_words USING fts5(tokens, content='passage', content_rowid='id', tokenize='ascii');

CREATE TRIGGER passage_added AFTER INSERT ON passage BEGIN INSERT INTO passage_words(rowid, tokens) VALUES (new.id, new.tokens); END;

CREATE TRIGGER passage_removed AFTER DELETE ON passage BEGIN INSERT INTO passage_words(passage_words, rowid, tokens) VALUES ('delete', old.id, old.tokens); END;

CREATE TRIGGER passage_changed AFTER UPDATE ON passage BEGIN INSERT INTO passage_words(passage_words, rowid, tokens) VALUES ('delete', old.id, old.tokens); INSERT INTO passage_words(rowid, tokens) VALUES (new.id, new.tokens); END;

CREATE TABLE share (
    id VARCHAR(32) NOT NULL,
    owner VARCHAR(255) NOT NULL,
    conversation VARCHAR(32) NOT NULL,
    token_hash VARCHAR(128) NOT NULL,
    title TEXT NOT NULL,
    snapshot JSON NOT NULL,
    created DOUBLE NOT NULL, audience VARCHAR(16) DEFAULT 'team' NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(conversation) REFERENCES conversation (id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX share_token ON share (token_hash);

CREATE INDEX share_owner ON share (owner, created);

CREATE INDEX share_conversation ON share (conversation);

CREATE TABLE ledger (
    id VARCHAR(32) NOT NULL,
    owner VARCHAR(255) NOT NULL,
    conversation VARCHAR(32),
    purpose VARCHAR(16) NOT NULL,
    model TEXT NOT NULL,
    wire VARCHAR(16) NOT NULL,
    input BIGINT,
    cached BIGINT,
    written BIGINT,
    reasoning BIGINT,
    output BIGINT,
    first DOUBLE,
    spoke DOUBLE,
    total DOUBLE,
    outcome VARCHAR(16) NOT NULL,
    request_id TEXT NOT NULL,
    created DOUBLE NOT NULL, node VARCHAR(32), price JSON, source VARCHAR(16), cost BIGINT, written_1h BIGINT, personal_key BOOLEAN DEFAULT 0 NOT NULL, searches BIGINT,
    PRIMARY KEY (id)
);

CREATE INDEX ledger_conversation ON ledger (owner, conversation, created);

CREATE INDEX ledger_created ON ledger (owner, created);

CREATE TABLE person (
    id VARCHAR(255) NOT NULL,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    revoked_before DOUBLE NOT NULL,
    seen DOUBLE NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE quota (
    scope TEXT NOT NULL,
    name VARCHAR(32) NOT NULL,
    begins BIGINT NOT NULL,
    used BIGINT NOT NULL,
    pending BIGINT NOT NULL,
    slip BIGINT NOT NULL,
    PRIMARY KEY (scope, name, begins)
);

CREATE INDEX quota_begins ON quota (begins);

CREATE TABLE reservation (
    id VARCHAR(32) NOT NULL,
    owner VARCHAR(255) NOT NULL,
    claims JSON NOT NULL,
    created DOUBLE NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX reservation_created ON reservation (created);

CREATE INDEX ledger_all ON ledger (created);

CREATE TABLE policy (
    name VARCHAR(320) NOT NULL,
    value JSON NOT NULL,
    changed DOUBLE NOT NULL,
    "by" TEXT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE audit (
    id VARCHAR(32) NOT NULL,
    at DOUBLE NOT NULL,
    actor VARCHAR(255) NOT NULL,
    actor_name TEXT NOT NULL,
    action VARCHAR(32) NOT NULL,
    object TEXT NOT NULL,
    detail JSON NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX audit_at ON audit (at, id);

CREATE INDEX audit_action ON audit (action, at, id);

CREATE INDEX audit_actor ON audit (actor);

CREATE TABLE revoked_sign_in (
    id VARCHAR(64) NOT NULL,
    expires DOUBLE NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE password_attempt (
    id VARCHAR(32) NOT NULL,
    address VARCHAR(64) NOT NULL,
    at DOUBLE NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX password_attempt_at ON password_attempt (at);

CREATE TABLE refused_param (
    model VARCHAR(320) NOT NULL,
    wire VARCHAR(16) NOT NULL,
    field VARCHAR(100) NOT NULL,
    beside VARCHAR(100) NOT NULL,
    at DOUBLE NOT NULL,
    words TEXT NOT NULL,
    PRIMARY KEY (model, wire, field, beside)
);

CREATE TABLE submission (
    owner VARCHAR(255) NOT NULL,
    "key" VARCHAR(64) NOT NULL,
    conversation VARCHAR(32) NOT NULL,
    created DOUBLE NOT NULL,
    PRIMARY KEY (owner, "key")
);

CREATE INDEX submission_created ON submission (created);

CREATE INDEX node_rated ON node (model) WHERE rating IS NOT NULL;

CREATE TABLE queued_question (
    id VARCHAR(32) NOT NULL,
    conversation VARCHAR(32) NOT NULL,
    position INTEGER NOT NULL,
    text TEXT NOT NULL,
    model TEXT,
    wire VARCHAR(16),
    params JSON NOT NULL,
    created DOUBLE NOT NULL,
    path_end VARCHAR(32),
    personal_key BOOLEAN NOT NULL,
    pause VARCHAR(40) NOT NULL,
    pause_details JSON,
    paused DOUBLE NOT NULL, files JSON,
    PRIMARY KEY (id),
    FOREIGN KEY(conversation) REFERENCES conversation (id) ON DELETE CASCADE
);

CREATE INDEX queued_question_conversation ON queued_question (conversation, position);

CREATE TABLE prompt (
    id VARCHAR(32) NOT NULL,
    owner VARCHAR(255) NOT NULL,
    team BOOLEAN NOT NULL,
    kind VARCHAR(16) NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    avatar TEXT NOT NULL,
    text TEXT NOT NULL,
    greeting TEXT NOT NULL,
    suggestions JSON NOT NULL,
    model TEXT,
    wire VARCHAR(16),
    params JSON NOT NULL,
    created DOUBLE NOT NULL,
    updated DOUBLE NOT NULL,
    deleted DOUBLE,
    PRIMARY KEY (id)
);

CREATE INDEX prompt_owner ON prompt (owner, created, id);

CREATE INDEX prompt_deleted ON prompt (deleted) WHERE deleted IS NOT NULL;

CREATE TABLE prompt_link (
    id VARCHAR(32) NOT NULL,
    owner VARCHAR(255) NOT NULL,
    prompt VARCHAR(32) NOT NULL,
    token_hash VARCHAR(128) NOT NULL,
    snapshot JSON NOT NULL,
    created DOUBLE NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(prompt) REFERENCES prompt (id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX prompt_link_token ON prompt_link (token_hash);

CREATE INDEX prompt_link_prompt ON prompt_link (prompt);

CREATE TABLE project (
    owner VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL,
    instructions TEXT NOT NULL,
    model TEXT,
    wire VARCHAR(16),
    params JSON NOT NULL,
    created DOUBLE NOT NULL,
    updated DOUBLE NOT NULL,
    PRIMARY KEY (owner, name)
);

CREATE TABLE attachment (
    id VARCHAR(32) NOT NULL,
    owner VARCHAR(255) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    object VARCHAR(64) NOT NULL,
    touched DOUBLE NOT NULL,
    facts JSON NOT NULL,
    thumbnail BLOB,
    text TEXT NOT NULL,
    tokens TEXT NOT NULL,
    PRIMARY KEY (id)
);

CREATE UNIQUE INDEX attachment_owner ON attachment (owner, digest);

CREATE INDEX attachment_touched ON attachment (touched);

CREATE TABLE attachment_data (
    attachment VARCHAR(32) NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (attachment),
    FOREIGN KEY(attachment) REFERENCES attachment (id) ON DELETE CASCADE
);

CREATE TABLE attachment_use (
    node VARCHAR(32) NOT NULL,
    attachment VARCHAR(32) NOT NULL,
    PRIMARY KEY (node, attachment),
    FOREIGN KEY(node) REFERENCES node (id) ON DELETE CASCADE,
    FOREIGN KEY(attachment) REFERENCES attachment (id)
);

CREATE INDEX attachment_use_attachment ON attachment_use (attachment);

CREATE TABLE queued_attachment (
    question VARCHAR(32) NOT NULL,
    attachment VARCHAR(32) NOT NULL,
    PRIMARY KEY (question, attachment),
    FOREIGN KEY(question) REFERENCES queued_question (id) ON DELETE CASCADE,
    FOREIGN KEY(attachment) REFERENCES attachment (id)
);

CREATE INDEX queued_attachment_attachment ON queued_attachment (attachment);

CREATE TABLE stray_object (
    object VARCHAR(64) NOT NULL,
    created DOUBLE NOT NULL,
    doomed BOOLEAN NOT NULL,
    PRIMARY KEY (object)
);

CREATE TABLE server_secret (
    name VARCHAR(32) NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE comparison (
    id VARCHAR(32) NOT NULL,
    owner VARCHAR(255) NOT NULL,
    prompt TEXT NOT NULL,
    created DOUBLE NOT NULL,
    columns JSON NOT NULL,
    blind BOOLEAN NOT NULL,
    vote VARCHAR(8),
    winner INTEGER,
    origin VARCHAR(32),
    origin_question VARCHAR(32),
    deleted DOUBLE,
    PRIMARY KEY (id)
);

CREATE INDEX comparison_owner ON comparison (owner, created, id);

CREATE INDEX comparison_deleted ON comparison (deleted) WHERE deleted IS NOT NULL;

CREATE INDEX conversation_comparison ON conversation (comparison) WHERE comparison IS NOT NULL;

CREATE INDEX conversation_shelf ON conversation (owner, folder, updated, id) WHERE deleted IS NULL AND comparison IS NULL AND archived = 0 AND pinned = 0;

CREATE INDEX conversation_pinned ON conversation (owner, updated, id) WHERE deleted IS NULL AND comparison IS NULL AND archived = 0 AND pinned = 1;

CREATE INDEX conversation_archived ON conversation (owner, updated, id) WHERE deleted IS NULL AND comparison IS NULL AND archived = 1;

CREATE TABLE exchange (
    id VARCHAR(32) NOT NULL,
    owner VARCHAR(255) NOT NULL,
    node VARCHAR(32),
    purpose VARCHAR(16) NOT NULL,
    model TEXT NOT NULL,
    wire VARCHAR(16) NOT NULL,
    started DOUBLE NOT NULL,
    status INTEGER,
    error TEXT NOT NULL,
    duration DOUBLE,
    first DOUBLE,
    received BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(node) REFERENCES node (id) ON DELETE CASCADE
);

CREATE INDEX exchange_owner ON exchange (owner, started, id);

CREATE INDEX exchange_node ON exchange (node, started, id);

CREATE INDEX exchange_started ON exchange (started);

CREATE TABLE gateway_check (
    id VARCHAR(32) NOT NULL,
    owner VARCHAR(255) NOT NULL,
    team BOOLEAN NOT NULL,
    started DOUBLE NOT NULL,
    beat DOUBLE NOT NULL,
    running BOOLEAN NOT NULL,
    run JSON NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX gateway_check_owner ON gateway_check (owner, started);

CREATE INDEX gateway_check_team ON gateway_check (team, started);

CREATE TABLE lease (
    name VARCHAR(32) NOT NULL,
    until DOUBLE NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE arriving_change (
    node VARCHAR(32) NOT NULL,
    number INTEGER NOT NULL,
    change JSON NOT NULL,
    PRIMARY KEY (node, number),
    FOREIGN KEY(node) REFERENCES node (id) ON DELETE CASCADE
);
