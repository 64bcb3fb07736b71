"""Makes the frequencies that the package ships (pipeline/frequencies.bin) from a corpus of news: counts, no words.

    python benchmarks/frequencies.py ../shared/corpora/abp-2015-2018.jsonl.gz

Words in fewer than one document in a thousand are left out: they weigh as much as
a word that is not known at all.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

from pipeline import terms, walk
from pipeline.formats.jsonl import read_jsonl
from pipeline.params import MatchParams
from pipeline.records import Frequencies, RawDocument, SketchedArticle

SHIPPED = Path(terms.__file__).with_name("frequencies.bin")
LEAST_SHARE = 0.001


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="articles, .jsonl.gz")
    parser.add_argument("-o", "--output", type=Path, default=SHIPPED)
    options = parser.parse_args()
    with gzip.open(options.corpus) as stream:
        records = read_jsonl(stream, options.corpus.name, given={}, max_document_bytes=1 << 24)
        documents = [record for record in records if isinstance(record, RawDocument)]
    prepared = walk.prepare(documents, "corpus", MatchParams())
    counted = terms.count_documents([x.sketch.terms for x in prepared if isinstance(x, SketchedArticle)])
    kept = counted.counts >= LEAST_SHARE * counted.documents
    shipped = Frequencies(counted.documents, counted.terms[kept], counted.counts[kept])
    options.output.write_bytes(shipped.to_bytes())
    print(f"{options.output}: {len(shipped.terms):,} terms of {shipped.documents:,} documents")


if __name__ == "__main__":
    main()
