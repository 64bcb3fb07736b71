# What `make demo` runs: the sample in seeds/, the stories, one shared passage, what to try next.
set -eu
PATH="$VENV/bin:$PATH"

say() { printf '\n$ %s\n' "$*"; "$@"; }

say wirecopy run seeds
say wirecopy stories
story=$(wirecopy stories --json --limit 1 | python -c 'import json, sys; print(json.load(sys.stdin)[0]["story_id"])')
say wirecopy show "$story"

cat <<TEXT

What to try next:
  . $VENV/bin/activate
  wirecopy run seeds                     nothing new, so nothing changes
  wirecopy sources add path/to/texts     a folder of .txt, .html or .jsonl of your own
  wirecopy match path/to/article.txt     who else carries this text?
  wirecopy export passages -o x.csv      for a spreadsheet; .jsonl and .parquet too

SQL on wirecopy.db, with the sqlite3 of your choice:
  SELECT source, title, copied_ratio FROM article_overview ORDER BY copied_ratio DESC;
  SELECT kind, article_count, text FROM shared_passage ORDER BY article_count DESC LIMIT 5;
More: docs/sql-cookbook.md
TEXT
