"""Messages in several languages, and queries for them."""

from __future__ import annotations

MESSAGES = """\
请问怎么在 Streamlit 里保存会话状态？
用 st.session_state 就可以，刷新页面之前它一直都在。
How do I keep state between reruns in Streamlit?
Use `st.session_state["count"] += 1`; it survives a rerun, but not a reload.
GPT-4o 和 claude-opus-4.1 哪个更适合写代码？
两个都可以，不过 GPT-4o 的延迟更低，claude 的解释更细。
Pi is roughly 3.14, more exactly 3.14159265.
圆周率约等于 3.14，祖冲之算到了小数点后七位。
数据库迁移失败了，提示 “database is locked”。
SQLite 同一时间只允许一个写入者，请使用 BEGIN IMMEDIATE。
The database is locked because two writers started at once.
把数据导入数据库之前，先备份数据。
我们的数据仓库每天凌晨三点更新。
Postgres 的全文检索默认不支持中文分词。
全文搜索需要先把句子切成词，中文用二元组最简单。
日本語の全文検索にはバイグラムが便利です。
カタカナとひらがなは別の文字です。ｶﾀｶﾅ also comes in half width.
東京タワーは東京都港区にあります。
京都は昔の都でした。東京と京都を間違えないでください。
サーバーのログを確認してください: /var/log/nginx/error.log
Please check the server's log under /var/log/nginx.
HTTP 429 means too many requests; wait for `Retry-After` seconds.
收到 429 就按照 Retry-After 的秒数等待，然后重试。
The e-mail address is ann.smith+test@example.com, not example.org.
邮箱是 ann.smith@example.com，别写错了。
Straße, STRASSE and strasse are one word; so are Ω and ω.
Müller, Mueller oder Muller? Der Name ist Müller.
Le café crème coûte 2,50 €; un cafe\u0301 coûte moins.
ﬁnd the ﬁle in the ofﬁce: ｆｕｌｌ－ｗｉｄｔｈ ＡＢＣ１２３
½ of 10 is 5, and x² means x squared.
你好，世界！Hello, world!
你好世界
世界你好
好
好的，没问题 👍🏽
没问题👍没问题👍没问题
哈哈哈哈哈哈，太好笑了
RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB
显存不足：CUDA out of memory，需要减小 batch_size。
def quick_sort(items): return sorted(items)  # 快速排序
快速排序的平均时间复杂度是 O(n log n)。
The quick brown fox jumps over the lazy dog.
quickly, quicker, quickest: three words that begin with quick
请把 `max_tokens` 设为 4096，temperature 设为 0.7。
max_tokens=4096, temperature=0.7, top_p=1
版本号从 v1.2.3 升到 v1.10.0，注意 v1.2 与 v1.20 不同。
SELECT * FROM users WHERE name LIKE '%ann\\_%' ESCAPE '\\';
"quotes" AND (brackets) OR NEAR/3 NOT -minus + plus ^caret * star : colon
0x1F 1e5 6e1dx13 007 4o 2024年12月31日
二〇二四年十二月三十一日，々は繰り返し記号です。人々
한국어 문장도 검색할 수 있어야 합니다.
대학교 도서관에서 한국어를 공부했습니다.
हिन्दी में खोज भी काम करनी चाहिए।
ค้นหาภาษาไทยได้ด้วย
Поиск работает и по-русски: ПОИСК, поиска, поиском.
𠮷野家の𠮷は土に口です。
API 接口返回 JSON，字段名用 snake_case 而不是 camelCase。
JSON schema 校验失败：缺少必填字段 “name”。
模型的上下文窗口是 200k tokens，大约十五万汉字。
The context window holds 200k tokens, i.e. about 150,000 words.
<thinking> is not shown, &amp; neither is \u200b nothing.
zusammen\u00adgesetzte Wörter, e.g. Donau\u00addampf\u00adschiff
❤️ 1️⃣ 🇨🇳 ✂️
...""".splitlines()

QUERIES = """\
数据
数据库
据库
库
仓
数据 备份
备份数据
数据备份
全文
全文检索
全文検索
検索 全文
东京
東京
京都
東京都
都
你好
世界
你好世界
你好，世界
世界你好
好
哈哈
哈哈哈哈哈哈
哈哈哈哈哈哈哈
快速排序
quick
QUICK sort
quicks
sort quick
stream
streamlit
st.session_state
session state
state session 刷新
GPT-4o
gpt 4o 延迟
claude
3.14
3 14
14
3.141
429 retry
v1.2
v1.10
max_tokens
max tokens 4096
1e5
6e1
6e1d
0x1f
q
strasse
straße
ß
ω
müller
muller
café
cafe
fi
ﬁ
ffi
ABC123
ａｂｃ
½
x2
100%
%
_
ann_smith
ann.smith@example.com
"quotes"
"hello world"
quotes AND brackets
NEAR(quotes brackets)
tokens:3 OR 1=1
-minus
*
' OR '1'='1
passage_words MATCH
カタカナ
ｶﾀｶﾅ
ひらがな
タワー
ー
サーバー ログ
人々
々
二〇二四
한국어
국어
학교
हिन्दी
हिन
ภาษา
ค้นหา
поиск
ПОИС
𠮷
𠮷野
zusammengesetzte
donaudampf
amp
thinking shown
❤️
👍
1
2024 年
年12月
上下文 200k
the
i
nothing here at all""".splitlines()
